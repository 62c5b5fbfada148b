"""The pytest plugin of this repository (`-p devtools.testing`): a real PostgreSQL under every run, and known settings.

With DATABASE_URL given, that server is used instead. Workers of pytest-xdist share the server of their controller.
"""

import os
import tempfile
from pathlib import Path

import pytest

from devtools.parts import STATE
from devtools.postgres import EmbeddedPostgres

SETTINGS = {
    "DJANGO_SETTINGS_MODULE": "pao.settings",
    "DEBUG": "true",
    "PAO_AUTH": "dev",
    "PAO_LOG_FORMAT": "console",
    "SQS_ENDPOINT_URL": "http://127.0.0.1:9",
    "PAO_JIRA_URL": "http://127.0.0.1:9",
    "PAO_JIRA_USER": "tests",
    "PAO_JIRA_TOKEN": "pretend",
}
_started: list[tuple[EmbeddedPostgres, tempfile.TemporaryDirectory[str]]] = []


def pytest_addoption() -> None:
    """Prepare the environment: the earliest hook there is, for pytest-django reads the settings right after it."""
    os.environ.update(SETTINGS)
    if "DATABASE_URL" not in os.environ:
        place = STATE / "tests"
        place.mkdir(parents=True, exist_ok=True)
        directory = tempfile.TemporaryDirectory(dir=place, ignore_cleanup_errors=True)
        server = EmbeddedPostgres(Path(directory.name) / "postgres", durable=False)
        os.environ["DATABASE_URL"] = server.start()
        _started.append((server, directory))


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """Stop the server that this process started."""
    for server, directory in _started:
        server.stop()
        directory.cleanup()
