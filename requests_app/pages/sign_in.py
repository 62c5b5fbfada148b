"""Signing in with one button, in the development mode and from the same machine only (auth.md)."""

from typing import Any

from django.contrib.auth import login
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from pao.identity import TEAM_PREFIX, development_mode

MOST_PEOPLE = 12
_LOOPBACK = ("127.0.0.1", "::1")
_BACKEND = "django.contrib.auth.backends.ModelBackend"


def is_offered(request: HttpRequest) -> bool:
    """Tell whether this caller may sign in without a password."""
    return development_mode() and request.META.get("REMOTE_ADDR") in _LOOPBACK


def people() -> list[dict[str, Any]]:
    """Return the active users, each with a line on who they are; two queries."""
    users = User.objects.filter(is_active=True).order_by("username").prefetch_related("groups")[:MOST_PEOPLE]
    return [
        {"username": user.get_username(), "name": user.get_full_name() or user.get_username(), "roles": _roles(user)}
        for user in users
    ]


@require_POST
def sign_in_as(request: HttpRequest) -> HttpResponse:
    """Sign in as the active user named `username` and go on to `next`; 404 outside the development mode."""
    name = request.POST.get("username", "")
    if not is_offered(request) or not name.isprintable():
        raise Http404
    user = User.objects.filter(username=name, is_active=True).first()
    if user is None:
        raise Http404
    login(request, user, backend=_BACKEND)
    wanted = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return HttpResponseRedirect(wanted if is_ours else resolve_url("catalog-list"))


def _roles(user: User) -> str:
    names = sorted(group.name for group in user.groups.all())
    teams = [f"team {name.removeprefix(TEAM_PREFIX)}" for name in names if name.startswith(TEAM_PREFIX)]
    return ", ".join([*teams, *(name for name in names if not name.startswith(TEAM_PREFIX))])
