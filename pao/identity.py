"""Who is calling, out of Django's user: the Principal that permissions and audit know (auth.md)."""

from ipaddress import ip_address
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.http import HttpRequest

from pao.core.context import Principal
from pao.core.errors import Unauthenticated

TEAM_PREFIX = "team:"
ROLE_OF_GROUP = {"operators": "operator", "auditors": "auditor"}
_CACHE = "_pao_principal"


def development_mode() -> bool:
    """Tell whether the development mode is on: it needs PAO_AUTH=dev and DEBUG both."""
    return bool(settings.DEBUG and settings.PAO_AUTH == "dev")


def principal_of(request: Any) -> Principal:
    """Return who is calling, with teams and roles out of the user's groups; asked once per request.

    Takes Django's request, or REST framework's around it. Raises Unauthenticated for anonymous callers.
    """
    bare: HttpRequest = getattr(request, "_request", request)
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


def is_loopback(address: str) -> bool:
    """Tell whether an address is of this very machine."""
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
