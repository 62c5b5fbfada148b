"""The places in which references stand: what each demands of its template, and whether a secret would be shown there.

Sources: contract table (where a reference stands), B47, B48, B49, B61, B65.
"""

from collections.abc import Callable, Mapping
from typing import Literal

from catalog.domain.positions import Path
from catalog.domain.templating import (
    Template,
    address_problem,
    git_path_problem,
    git_ref_problem,
    hcl_problem,
    json_problem,
    url_problem,
    workspace_problem,
    yaml_problem,
)

Where = Literal[
    "ticket",
    "url",
    "query",
    "header",
    "body",
    "output",
    "secret output",
    "condition",
    "webhook header",
    "message",
    "repository",
    "workflow",
    "state",
    "other",
]

_SHOWN_IN: Mapping[Where, str] = {
    "ticket": "a ticket",
    "url": "a URL",
    "query": "a URL's query",
    "output": "an output that is not secret",
    "condition": "what a condition decides",
    "message": "a message",
    "repository": "a repository",
    "workflow": "a workflow's log",
    "state": "Terraform's state",
}
_BY_TYPE: Mapping[str, Where] = {
    "jira-ticket": "ticket",
    "git-commit": "repository",
    "github-workflow": "workflow",
    "terraform": "state",
    "webhook": "message",
    "slack": "message",
    "email": "message",
}
_CHECKS: Mapping[str, tuple[str, Callable[[Template], str | None]]] = {
    "json-body": ("template_syntax", json_problem),
    "yaml": ("template_syntax", yaml_problem),
    "hcl": ("template_syntax", hcl_problem),
    "url": ("url_invalid", url_problem),
    "git-path": ("type_mismatch", git_path_problem),
    "git-ref": ("type_mismatch", git_ref_problem),
    "workspace": ("type_mismatch", workspace_problem),
    "address": ("type_mismatch", address_problem),
}


def where(action_type: str, path: Path, context: str) -> Where:
    """Return the place of a template, by the action's type, its path in the config and its context in the schema."""
    if context == "url":
        return "url"
    if action_type == "webhook" and context == "header":
        return "webhook header"
    if action_type in _BY_TYPE:
        return _BY_TYPE[action_type]
    if context == "header":
        return "header"
    if path[0] == "query":
        return "query"
    return "body" if path[0] == "body" else "other"


def disclosure_in(place: Where, *, is_of_platform: bool, over_https: bool) -> str:
    """Return how a secret in this place would be disclosed, as the end of a sentence; "" when it may stand there.

    `is_of_platform`: the secret is the platform's API key, which headers alone may carry.
    """
    if place == "secret output":
        return ""
    if place in _SHOWN_IN:
        return f"would be shown in {_SHOWN_IN[place]}"
    if is_of_platform and place not in {"header", "webhook header"}:
        return "may stand in a header only"
    if place == "webhook header" and not is_of_platform:
        return "would be shown to whoever is told"
    return "" if over_https else "would travel unencrypted over http"


def problem_in(context: str, template: Template) -> tuple[str, str] | None:
    """Return the finding's code and message when the template can never be written in this context, else None."""
    code, problem_of = _CHECKS.get(context, ("", _no_problem))
    problem = problem_of(template)
    return (code, problem) if problem else None


def _no_problem(_template: Template) -> None:
    return None
