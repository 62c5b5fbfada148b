"""How gunicorn serves PAO: `gunicorn --config python:pao.serving pao.wsgi`; the command line may say otherwise.

All code is loaded once, before the processes that answer are forked, so that they share it.
"""

from typing import Any

from django.urls import get_resolver

from pao.sharing import share_what_is_loaded

preload_app = True


def when_ready(_server: Any) -> None:
    """Import what Django imports at the first request, the table of routes with every view, before any fork."""
    _ = get_resolver().url_patterns
    share_what_is_loaded()
