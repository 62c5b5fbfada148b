"""Every use of a reference in the actions of an item: where it stands, and what its place allows."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from catalog.domain.checks_conditions import conditions_of
from catalog.domain.conditions import Condition
from catalog.domain.findings import Report
from catalog.domain.places import Where, problem_in, where
from catalog.domain.plain import SECTIONS, actions, mapping, texts
from catalog.domain.positions import Path, dotted
from catalog.domain.schemas import Schemas
from catalog.domain.templating import Reference, Template, TemplateSyntaxError, UnknownNamespaceError, parse

_QUOTES = re.compile(r'\\.|"', re.DOTALL)


@dataclass(frozen=True)
class Use:
    """One reference in one template of one action. `bare`: it stands in JSON outside quotes.

    `context` is that of the schema: how the value is written there; `condition` in conditions.
    """

    section: str
    action: Path
    path: Path
    text: str
    reference: Reference
    where: Where
    bare: bool = False
    over_https: bool = True
    context: str = "text"


def uses_of(data: Mapping[str, Any], report: Report, schemas: Schemas) -> tuple[Use, ...]:
    """Return the uses in all actions of an item, in document order; reports templates that are not well written."""
    conditions = conditions_of(data)
    return tuple(
        use
        for section in SECTIONS
        for path, action in actions(data, section)
        for use in (
            *_in_condition(section, path, conditions.get((*path, "when"))),
            *_in_config(section, path, action, report, schemas),
            *_in_outputs(section, path, action, report),
        )
    )


def parsed(text: str, path: Path, report: Report) -> Template | None:
    """Return the parsed template, or None after reporting where it is not well written."""
    try:
        return parse(text)
    except TemplateSyntaxError as error:
        code = "unknown_namespace" if isinstance(error, UnknownNamespaceError) else "template_syntax"
        hint = 'A reference is {{.namespace.path}}; literal braces are written {{"{{"}}.'
        report.add(code, path, error.message, hint=hint, inside=(text, error.offset))
        return None


def _in_condition(section: str, action_path: Path, condition: Condition | None) -> Iterator[Use]:
    if condition is None:
        return
    for reference in condition.members:
        yield Use(
            section, action_path, (*action_path, "when"), condition.text, reference, "condition", context="condition"
        )


def _in_config(
    section: str, action_path: Path, action: Mapping[str, Any], report: Report, schemas: Schemas
) -> Iterator[Use]:
    kind, config = action.get("type"), mapping(action.get("config"))
    if not isinstance(kind, str) or kind not in schemas.action_types:
        return
    urls = [mapping(config.get("endpoint")).get("url"), mapping(config.get("poll")).get("url"), config.get("url")]
    over_https = not any(isinstance(url, str) and url.lower().startswith("http://") for url in urls)
    templates = {field.path: field for field in schemas.template_fields(kind, config)}
    # An unknown member that is an error already needs no second finding; where it is a warning, this one refuses it.
    unknown = {found.path for found in report.findings if (found.code, found.severity) == ("unknown_property", "error")}
    for place, text in texts(config, ()):
        steps = (*action_path, "config", *place)
        if unknown and any(dotted(steps[:length]) in unknown for length in range(len(action_path) + 2, len(steps) + 1)):
            continue
        if "{{" in text and place not in templates:
            hint = "Only the members that the schema marks as templates are read as such; write the text out."
            report.add("template_syntax", steps, "No template is read here", hint=hint, inside=(text, text.index("{{")))
    for found in templates.values():
        path = (*action_path, "config", *found.path)
        template = parsed(found.text, path, report)
        if template is None:
            continue
        if problem := problem_in(found.context, template):
            report.add(problem[0], path, problem[1], inside=(found.text, 0))
        bare = set(_bare(template)) if found.context == "json-body" else set()
        stands = where(kind, found.path, found.context)
        for reference in template.references:
            yield Use(
                section, action_path, path, found.text, reference, stands, reference in bare, over_https, found.context
            )


def _in_outputs(section: str, action_path: Path, action: Mapping[str, Any], report: Report) -> Iterator[Use]:
    for key, output in mapping(action.get("outputs")).items():
        form = mapping(output)
        text = form.get("from") if form else output
        path: Path = (*action_path, "outputs", key, *(("from",) if form else ()))
        if not isinstance(text, str) or "{{" not in text:
            continue
        template = parsed(text, path, report)
        place: Where = "secret output" if form.get("secret") is True else "output"
        for reference in template.references if template else ():
            yield Use(section, action_path, path, text, reference, place)


def _bare(template: Template) -> Iterator[Reference]:
    inside = False
    for part in template.parts:
        if isinstance(part, Reference):
            if not inside:
                yield part
            continue
        for found in _QUOTES.findall(part):
            inside ^= found == '"'
