"""Who is calling: Django's sessions, or in development a header that names a seeded user (auth.md).

Both ways end in one Django user; `principal_of` turns it into the Principal that permissions and audit know.
"""

from ipaddress import ip_address
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from pao.core.context import Principal
from pao.core.errors import Unauthenticated

DEV_USER_HEADER = "X-Dev-User"
TEAM_PREFIX = "team:"
ROLE_OF_GROUP = {"operators": "operator", "auditors": "auditor"}
_CACHE = "_pao_principal"


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
        if name is None or not development_mode() or not _is_loopback(request.META.get("REMOTE_ADDR", "")):
            return None
        users = get_user_model()._default_manager  # noqa: SLF001 - Django's documented name
        user = users.filter(username=name, is_active=True).first() if name.isprintable() else None
        if user is None:
            raise AuthenticationFailed(f"{DEV_USER_HEADER} names no active user; `./dev demo` seeds some.")
        return user, None

    def authenticate_header(self, request: Request) -> str:
        """Return the challenge of a 401 answer."""
        return 'Session realm="PAO"'


def development_mode() -> bool:
    """Tell whether the development mode is on: it needs PAO_AUTH=dev and DEBUG both."""
    return bool(settings.DEBUG and settings.PAO_AUTH == "dev")


def principal_of(request: HttpRequest | Request) -> Principal:
    """Return who is calling, with teams and roles out of the user's groups; asked once per request.

    Raises Unauthenticated for anonymous callers.
    """
    bare = request._request if isinstance(request, Request) else request  # noqa: SLF001 - REST framework's own wrapper
    known = getattr(bare, _CACHE, None)
    user = request.user
    if isinstance(known, Principal) and known.id == user.get_username():
        return known
    if not user.is_authenticated:
        raise Unauthenticated
    way = getattr(request, "successful_authenticator", None)
    principal = principal_for(user, method=getattr(way, "method", "session"))
    setattr(bare, _CACHE, principal)
    return principal


def principal_for(user: AbstractBaseUser | AnonymousUser, *, method: str) -> Principal:
    """Return the principal of a Django user: groups `team:<name>` are teams, operators and auditors are roles."""
    groups = sorted(user.groups.values_list("name", flat=True))  # type: ignore[union-attr] # every user model here has groups
    roles = {ROLE_OF_GROUP[name] for name in groups if name in ROLE_OF_GROUP}
    if getattr(user, "is_superuser", False):
        roles.add("operator")
    return Principal(
        id=user.get_username(),
        name=getattr(user, "get_full_name", str)() or user.get_username(),
        email=getattr(user, "email", ""),
        teams=tuple(name.removeprefix(TEAM_PREFIX) for name in groups if name.startswith(TEAM_PREFIX)),
        roles=frozenset(roles),
        method=method,
    )


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
