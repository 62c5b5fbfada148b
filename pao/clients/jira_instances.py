"""The JIRA instances of the settings: which one a ticket goes to, and the client of each, with a pool of its own."""

from collections.abc import Mapping
from functools import lru_cache

from django.conf import settings

from pao.clients import http
from pao.clients.jira import JiraClient
from pao.clients.jira_connection import OAuthSignIn, SignIn, TokenSignIn
from pao.clients.oauth import ClientCredentials
from pao.core.errors import Misconfigured
from pao.settings_jira import DEFAULT, JiraInstance, prefix_of


def known() -> Mapping[str, JiraInstance]:
    """Return the instances by name: that of PAO_JIRA_URL, when it is set, then the others in their order."""
    if not settings.PAO_JIRA_URL:
        return dict(settings.PAO_JIRA_INSTANCES)
    first = JiraInstance(
        name=DEFAULT,
        url=settings.PAO_JIRA_URL,
        api_version=settings.PAO_JIRA_API_VERSION,
        user=settings.PAO_JIRA_USER,
        token=settings.PAO_JIRA_TOKEN,
        issue_type=settings.PAO_JIRA_ISSUE_TYPE,
    )
    return {DEFAULT: first, **settings.PAO_JIRA_INSTANCES}


def name_for(*, instance: str = "", project: str = "") -> str:
    """Return the name of the instance a ticket goes to: the one named, else the project's, else the first there is.

    Whether there is such an instance shows when its client is asked for.
    """
    if instance:
        return instance
    routed = (name for name, one in settings.PAO_JIRA_INSTANCES.items() if project in one.projects)
    return next(routed, None) or next(iter(known()), DEFAULT)


def client_of(name: str) -> JiraClient:
    """Return the client of an instance; raises `Misconfigured`, with those there are, when the settings name none."""
    instances = known()
    if name in instances:
        return _client(instances[name])
    if not instances:
        raise Misconfigured("PAO_JIRA_URL is not set, so no ticket can be created. Nothing was called.")
    raise Misconfigured(
        f"PAO knows no JIRA instance {name!r}; it knows {', '.join(instances)}. Nothing was called.", instance=name
    )


def browse_url(name: str, key: str) -> str:
    """Return where people open a ticket; empty when the settings name no such instance."""
    return client_of(name).browse_url(key) if name in known() else ""


@lru_cache(maxsize=32)
def _client(instance: JiraInstance) -> JiraClient:
    return JiraClient(
        instance.url,
        instance.api_version,
        instance.user,
        instance.token,
        instance.issue_type,
        instance=instance.name,
        browse_url=instance.browse_url,
        sign_in=_sign_in(instance),
    )


def _sign_in(instance: JiraInstance) -> SignIn:
    if instance.kind_of_sign_in != "oauth":
        return TokenSignIn(instance.user, instance.token)
    return OAuthSignIn(
        ClientCredentials(
            instance.token_url,
            instance.client_id,
            instance.client_secret,
            setting=f"{prefix_of(instance.name)}TOKEN_URL",
            door=http.door(),
        )
    )
