"""From an action's config in the document to the config the action gets: every template replaced by what it says.

Which texts are templates, and for which place, is marked in the action type's JSON Schema; a key `summaryTemplate`
becomes `summary`. Any value that cannot be written in its place raises `TemplateError`, before anything is called.
"""

from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings

from catalog.domain.positions import Path
from catalog.domain.schemas import schemas
from catalog.domain.templating import (
    ALWAYS_SECRET,
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
from catalog.domain.templating.values import LONGEST_TEXT
from pao.clients.destinations import Destinations
from pao.clients.jira_text import TextRun
from pao.core.errors import CallRefused, TemplateError

LONGEST_CONFIG = 4 * LONGEST_TEXT
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
    """Return the rendered config of an action. Raises `TemplateError` with the reference and the reason.

    All templates of an action together become no longer than four of the longest: they are sent, and kept in memory.
    """
    without_secrets = masked(scope)
    written: dict[Path, Any] = {}
    length = 0
    for field in schemas().template_fields(action_type, config):
        seen = scope if (action_type, field.context) in _CARRIES_SECRETS else without_secrets
        if field.context == "header" and seen is scope and _holds_key(parse(field.text)):
            _check_key_may_go(config, scope)
        written[field.path] = RENDERERS[field.context](parse(field.text), seen)
        length += length_of(written[field.path])
        if length > LONGEST_CONFIG:
            raise TemplateError(f"All templates of the action together become longer than {LONGEST_CONFIG} characters.")
    rendered: dict[str, Any] = _rebuilt(config, (), written)
    return rendered


def _holds_key(template: Template) -> bool:
    return any(secret[: len(one.path)] == one.path for one in template.references for secret in ALWAYS_SECRET)


def _check_key_may_go(config: Mapping[str, Any], scope: Scope) -> None:
    """Raise `TemplateError` unless the platform's key is bound to where the action calls (B47): it is no team's own."""
    address = config.get("endpoint", config).get("url", "")
    allowed = Destinations.of(settings.PAO_PLATFORM_API_KEY_TARGETS, setting="PAO_PLATFORM_API_KEY_TARGETS")
    try:
        allowed.check(render_url(parse(address), masked(scope)))
    except CallRefused as refusal:
        raise TemplateError(f"The platform's API key may not be sent there. {refusal.message}") from None


def length_of(rendered: Any) -> int:
    """Return how many characters a rendered template holds, a number or a switch as none."""
    if isinstance(rendered, str):
        return len(rendered)
    if isinstance(rendered, TextRun):
        return len(rendered.text)
    if isinstance(rendered, Mapping):
        return sum(map(length_of, rendered.values()))
    return sum(map(length_of, rendered)) if isinstance(rendered, list | tuple) else 0


def _rebuilt(node: Any, path: Path, written: Mapping[Path, Any]) -> Any:
    """Return a copy with what was written in place of templates, whose keys lose their suffix: they are none now."""
    if isinstance(node, dict | Mapping):
        return {_without_suffix(key): _rebuilt(child, (*path, key), written) for key, child in node.items()}
    if isinstance(node, list):
        return [_rebuilt(child, (*path, index), written) for index, child in enumerate(node)]
    return written.get(path, node)


def _without_suffix(key: Any) -> Any:
    return key.removesuffix(_SUFFIX) if isinstance(key, str) else key
