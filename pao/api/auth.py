"""Who is calling: Django's sessions, or in development a header that names a seeded user (auth.md).

Both ways end in one Django user; `pao.identity` turns it into the Principal that permissions and audit know.
"""

from typing import Any

from django.contrib.auth import get_user_model
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from pao.identity import development_mode, is_loopback

DEV_USER_HEADER = "X-Dev-User"


class SessionLogin(SessionAuthentication):
    """A signed-in browser; calls that change something need the CSRF token in the header X-CSRFToken."""

    method = "session"

    def authenticate_header(self, request: Request) -> str:
        """Return the challenge of a 401 answer."""
        return 'Session realm="PAO"'


class DevelopmentUser(BaseAuthentication):
    """The header `X-Dev-User: <user name>`, with PAO_AUTH=dev and DEBUG, from the same machine only."""

    method = "dev"

    def authenticate(self, request: Request) -> tuple[Any, None] | None:
        """Return the active user that the header names; None when this way is off or not used.

        Raises AuthenticationFailed (401) for an unknown or inactive user.
        """
        name = request.headers.get(DEV_USER_HEADER)
        if name is None or not development_mode() or not is_loopback(request.META.get("REMOTE_ADDR", "")):
            return None
        users = get_user_model()._default_manager  # noqa: SLF001 - Django's documented name
        user = users.filter(username=name, is_active=True).first() if name.isprintable() else None
        if user is None:
            raise AuthenticationFailed(f"{DEV_USER_HEADER} names no active user; `./dev demo` seeds some.")
        return user, None

    def authenticate_header(self, request: Request) -> str:
        """Return the challenge of a 401 answer."""
        return 'Session realm="PAO"'
