"""Start-up checks: `manage.py check` names what is unsafe, and a production start stops on it (auth.md).

The container runs `check --deploy --fail-level WARNING` before it serves.
"""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register

LEAST_SECRET = 50
LEAST_DIFFERENT = 10
DEVELOPMENT_WORDS = ("development", "django-insecure", "changeme", "example")
LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@register(Tags.security)
def sign_in_is_safe(**_scope: Any) -> list[CheckMessage]:
    """The development mode needs DEBUG (E001) and must be reachable from this machine only (E002)."""
    if settings.PAO_AUTH != "dev":
        return []
    found: list[CheckMessage] = []
    if not settings.DEBUG:
        hint = "Set PAO_AUTH=session, or DEBUG=true on a developer's machine."
        found.append(Error("PAO_AUTH=dev lets anybody in and needs DEBUG.", hint=hint, id="pao.E001"))
    reachable = {
        "PAO_BIND": settings.PAO_BIND.rpartition(":")[0].strip("[]"),
        "PAO_PUBLIC_URL": urlsplit(settings.PAO_PUBLIC_URL).hostname or "",
    }
    for name, host in reachable.items():
        if host not in LOOPBACK:
            message = f"PAO_AUTH=dev with {name} at {host or 'every address'}: others could reach it."
            found.append(Error(message, hint=f"Set {name} to 127.0.0.1, or PAO_AUTH=session.", id="pao.E002"))
    return found


@register(Tags.security)
def secret_key_is_safe(**_scope: Any) -> list[CheckMessage]:
    """Without DEBUG the SECRET_KEY is long, random and not a development one (E003): it signs sessions and cursors."""
    key = str(settings.SECRET_KEY)
    is_weak = len(key) < LEAST_SECRET or len(set(key)) < LEAST_DIFFERENT
    if settings.DEBUG or not (is_weak or any(word in key.lower() for word in DEVELOPMENT_WORDS)):
        return []
    hint = f"Set SECRET_KEY to at least {LEAST_SECRET} random characters."
    return [Error("SECRET_KEY is short, regular or a development one.", hint=hint, id="pao.E003")]


@register(Tags.security)
def hosts_are_named(**_scope: Any) -> list[CheckMessage]:
    """Without DEBUG the host names are given, no wildcard (E004): links and CSRF trust the host."""
    if settings.DEBUG or not any(host.startswith("*") for host in settings.ALLOWED_HOSTS):
        return []
    return [Error("ALLOWED_HOSTS allows every host.", hint="Name the hosts of PAO in ALLOWED_HOSTS.", id="pao.E004")]
