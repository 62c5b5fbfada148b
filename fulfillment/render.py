"""From an action's config in the document to the config the action gets: every template replaced by what it says.

Which texts are templates, and for which place, is marked in the action type's JSON Schema; a key `summaryTemplate`
becomes `summary`. Any value that cannot be written in its place raises `TemplateError`, before anything is called.
"""

from collections.abc import Callable, Mapping, MutableMapping
from copy import deepcopy
from typing import Any

from catalog.domain.schemas import schemas
from catalog.domain.templating import (
    Scope,
    Template,
    masked,
    parse,
    render_address,
    render_git_path,
    render_git_ref,
    render_hcl,
    render_header,
    render_json,
    render_label,
    render_line,
    render_lines,
    render_markdown,
    render_rich,
    render_slack,
    render_text,
    render_url,
    render_value,
    render_workspace,
    render_yaml,
)
from pao.clients.jira_text import TextRun

_SUFFIX = "Template"


def _rich(template: Template, scope: Scope) -> tuple[TextRun, ...]:
    runs = render_rich(template, scope)
    return tuple(TextRun(text=run.text, trusted=run.trusted, code=run.code) for run in runs)


RENDERERS: Mapping[str, Callable[[Template, Scope], Any]] = {
    "summary": render_line,
    "jira": _rich,
    "text": render_text,
    "json-body": render_json,
    "url": render_url,
    "header": render_header,
    "label": render_label,
    "value": render_value,
    "yaml": render_yaml,
    "hcl": render_hcl,
    "git-path": render_git_path,
    "git-ref": render_git_ref,
    "workspace": render_workspace,
    "lines": render_lines,
    "markdown": render_markdown,
    "slack": render_slack,
    "address": render_address,
}

# Where a secret may be sent (B61); anywhere else it comes as the mask, should the checker have let one pass.
_CARRIES_SECRETS = frozenset(
    {
        ("rest-api", "header"),
        ("rest-api", "json-body"),
        ("rest-api", "text"),
        ("webhook", "header"),
    }
)


def render_action(action_type: str, config: Mapping[str, Any], scope: Scope) -> dict[str, Any]:
    """Return the rendered config of an action. Raises `TemplateError` with the reference and the reason."""
    rendered: dict[str, Any] = deepcopy(dict(config))
    without_secrets = masked(scope)
    for field in schemas().template_fields(action_type, config):
        seen = scope if (action_type, field.context) in _CARRIES_SECRETS else without_secrets
        _put(rendered, field.path, RENDERERS[field.context](parse(field.text), seen))
    _rename(rendered)
    return rendered


def _put(target: Any, path: tuple[str | int, ...], value: Any) -> None:
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = value


def _rename(node: Any) -> None:
    """Take the suffix off the keys of templates: what they hold is none any more."""
    if isinstance(node, MutableMapping):
        for key in list(node):
            _rename(node[key])
            if isinstance(key, str) and key.endswith(_SUFFIX):
                node[key.removesuffix(_SUFFIX)] = node.pop(key)
    elif isinstance(node, list):
        for entry in node:
            _rename(entry)
