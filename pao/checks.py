"""Start-up checks: `manage.py check` names what is unsafe, and a production start stops on it (auth.md).

The container runs `check --deploy --fail-level WARNING` before it serves.
"""

from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register

from pao.settings_jira import prefix_of

LEAST_SECRET = 50
LEAST_DIFFERENT = 10
LEAST_WEBHOOK_SECRET = 16
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
    """Without DEBUG the host names are given, no wildcard (E004) and more than this machine's own (E006).

    Links and CSRF trust the host; whoever comes by another name than those given is turned away.
    """
    if settings.DEBUG:
        return []
    hint = "Name the hosts of PAO in ALLOWED_HOSTS."
    if any(host.startswith("*") for host in settings.ALLOWED_HOSTS):
        return [Error("ALLOWED_HOSTS allows every host.", hint=hint, id="pao.E004")]
    if all(_is_this_machine(host.strip(".[]")) for host in settings.ALLOWED_HOSTS):
        return [Error("ALLOWED_HOSTS names this machine only: nobody else gets in.", hint=hint, id="pao.E006")]
    return []


@register(Tags.security)
def public_url_is_public(**_scope: Any) -> list[CheckMessage]:
    """Without DEBUG the PAO_PUBLIC_URL is https and leads to more than this machine (E005): tickets link to it."""
    url = urlsplit(settings.PAO_PUBLIC_URL)
    if settings.DEBUG or (url.scheme == "https" and not _is_this_machine(url.hostname or "")):
        return []
    message = f"PAO_PUBLIC_URL is {settings.PAO_PUBLIC_URL}: tickets and answers would link where nobody should go."
    hint = "Set PAO_PUBLIC_URL to the https address under which people reach PAO."
    return [Error(message, hint=hint, id="pao.E005")]


@register(Tags.security)
def webhook_secrets_are_secrets(**_scope: Any) -> list[CheckMessage]:
    """Without DEBUG no secret of a webhook is empty or short (E007): whoever guesses it can start syncs (B69)."""
    hint = "Set it to long random secrets, or leave it out: without it PAO takes no deliveries."
    return [
        Error(
            f"{name} holds a secret of fewer than {LEAST_WEBHOOK_SECRET} characters, or none.", hint=hint, id="pao.E007"
        )
        for name in ("PAO_GITHUB_WEBHOOK_SECRETS", "PAO_JIRA_WEBHOOK_SECRETS")
        if not settings.DEBUG and any(len(secret) < LEAST_WEBHOOK_SECRET for secret in getattr(settings, name))
    ]


@register(Tags.security)
def jira_is_reached_safely(**_scope: Any) -> list[CheckMessage]:
    """Without DEBUG every JIRA is asked over https (E008): each call carries what PAO signs in with."""
    addresses = {"PAO_JIRA_URL": settings.PAO_JIRA_URL}
    for name, instance in settings.PAO_JIRA_INSTANCES.items():
        prefix = prefix_of(name)
        addresses |= {f"{prefix}URL": instance.url, f"{prefix}TOKEN_URL": instance.token_url}
    hint = "Set it to an https address; what leads to this machine alone may be http."
    return [
        Error(f"{name} is {address}: credentials would travel in the clear.", hint=hint, id="pao.E008")
        for name, address in addresses.items()
        if not settings.DEBUG and address.startswith("http:") and not _is_this_machine(urlsplit(address).hostname or "")
    ]


@register(Tags.security)
def projects_have_one_jira(**_scope: Any) -> list[CheckMessage]:
    """No project is routed to two instances of JIRA (E009): only the first would get tickets."""
    routed = [key for instance in settings.PAO_JIRA_INSTANCES.values() for key in instance.projects]
    twice = sorted({key for key in routed if routed.count(key) > 1})
    message = f"Tickets of {', '.join(twice)} are routed to more than one JIRA."
    hint = "Name a project in the PROJECTS of one instance."
    return [Error(message, hint=hint, id="pao.E009")] if twice else []


def _is_this_machine(host: str) -> bool:
    """Whether a host name or address, without brackets, leads nowhere but to the machine that reads it."""
    name = host.lower().rstrip(".")
    try:
        address = ip_address(name)
    except ValueError:
        return name in {"", "localhost"} or name.endswith(".localhost")
    return address.is_loopback or address.is_unspecified
