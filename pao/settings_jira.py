"""The settings of further JIRA instances: each has a name, and a group of variables that begin with it.

`PAO_JIRA_INSTANCES=cloud,ops-dc` asks for `PAO_JIRA_CLOUD_URL`, `PAO_JIRA_OPS_DC_URL` and so on. The instance of
`PAO_JIRA_URL` and its neighbours needs no name: it is `default`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from django.core.exceptions import ImproperlyConfigured

from pao.environment import Environment

DEFAULT = "default"
LONGEST_NAME = 32
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", re.ASCII)
_PROJECT = re.compile(r"[A-Z][A-Z0-9_]+", re.ASCII)
_WORDS = ("open", "done", "rejected")


@dataclass(frozen=True)
class JiraInstance:
    """One JIRA: where it is, which version of its API it speaks, and how PAO signs in there.

    `client_id` with its secret and `token_url` is OAuth 2; else `user` with an API token, or an empty user with a
    personal access token. `projects` are those whose tickets go there when a document names no instance.
    """

    name: str
    url: str
    api_version: str
    user: str
    token: str = field(repr=False)
    issue_type: str
    browse_url: str = ""
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    token_url: str = ""
    projects: tuple[str, ...] = ()

    @property
    def kind_of_sign_in(self) -> Literal["oauth", "basic", "bearer"]:
        """Return how PAO signs in."""
        if self.client_id:
            return "oauth"
        return "basic" if self.user else "bearer"


def instances(env: Environment) -> dict[str, JiraInstance]:
    """Return the named instances in the order of PAO_JIRA_INSTANCES; raises `ImproperlyConfigured` by name."""
    names = env.words("PAO_JIRA_INSTANCES", [], "Names of further JIRA instances; each has the settings below.")
    # The rows of the table of settings, once, with <NAME> where a name will stand.
    _read(env, "<name>")
    for name in names:
        if not _NAME.fullmatch(name) or len(name) > LONGEST_NAME or name == DEFAULT:
            raise ImproperlyConfigured(
                f"PAO_JIRA_INSTANCES names {name!r}; a name is kebab-case, at most {LONGEST_NAME} characters, and not "
                f"{DEFAULT!r}, which is the instance of PAO_JIRA_URL."
            )
    if len(set(names)) < len(names):
        raise ImproperlyConfigured("PAO_JIRA_INSTANCES names an instance twice.")
    return {name: _checked(_read(Environment(), name)) for name in names}


def prefix_of(name: str) -> str:
    """Return how the variables of an instance begin."""
    return "PAO_JIRA_" if name == DEFAULT else f"PAO_JIRA_{name.upper().replace('-', '_')}_"


def words_of_delivery(name: str, given: list[str]) -> Mapping[str, str]:
    """Return what words of JIRA mean, by the word in lower case: `Won't Do=rejected`; `name` is the setting's."""
    found = {}
    for one in given:
        said, _, means = (part.strip() for part in one.rpartition("="))
        if not said or means not in _WORDS:
            raise ImproperlyConfigured(f"{name}: {one!r} must read STATUS=open, =done or =rejected.")
        found[said.lower()] = means
    return found


def _read(env: Environment, name: str) -> JiraInstance:
    prefix = prefix_of(name)
    return JiraInstance(
        name=name,
        url=env.address(f"{prefix}URL", "", "Base address of this JIRA's API."),
        browse_url=env.address(
            f"{prefix}BROWSE_URL",
            "",
            "Where people open its tickets, when it is not the same address (OAuth on Cloud).",
        ),
        api_version=env.text(
            f"{prefix}API_VERSION", "3", "3 for Cloud (ADF), 2 for Data Center (wiki text).", choices=("3", "2")
        ),
        user=env.text(f"{prefix}USER", "", "JIRA user of the API token; empty for a personal access token."),
        token=env.secret(f"{prefix}TOKEN", "", "JIRA API token or personal access token."),
        client_id=env.text(f"{prefix}CLIENT_ID", "", "OAuth 2 client credentials, instead of a token: the client."),
        client_secret=env.secret(f"{prefix}CLIENT_SECRET", "", "Its secret."),
        token_url=env.address(f"{prefix}TOKEN_URL", "", "Where its access tokens are issued."),
        issue_type=env.text(f"{prefix}ISSUE_TYPE", "Task", "Issue type of tickets whose document names none."),
        projects=tuple(
            env.words(f"{prefix}PROJECTS", [], "Keys of the projects whose tickets go there unless a document says so.")
        ),
    )


def _checked(instance: JiraInstance) -> JiraInstance:
    prefix = prefix_of(instance.name)
    if not instance.url:
        raise ImproperlyConfigured(f"{prefix}URL is not set, though PAO_JIRA_INSTANCES names {instance.name}.")
    oauth = (instance.client_id, instance.client_secret, instance.token_url)
    if any(oauth) and not all(oauth):
        raise ImproperlyConfigured(f"{prefix}CLIENT_ID, _CLIENT_SECRET and _TOKEN_URL are needed together.")
    if any(oauth) == bool(instance.token):
        raise ImproperlyConfigured(f"{instance.name} needs either {prefix}TOKEN or {prefix}CLIENT_ID, and not both.")
    wrong = next((key for key in instance.projects if not _PROJECT.fullmatch(key)), None)
    if wrong is not None:
        raise ImproperlyConfigured(f"{prefix}PROJECTS names {wrong!r}; a project's key is upper case, such as DBA.")
    return instance
