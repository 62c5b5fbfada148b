"""Conditions of a document: are they written well, do they refer to what is there, and can a form decide them.

`when` of actions is checked with the outputs that are there by then, in checks_actions; of components in checks_bundle.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache, partial
from typing import Any, NamedTuple

from catalog.domain.checks_chains import check_chains
from catalog.domain.checks_comparisons import check_comparisons, choices_of
from catalog.domain.conditions import MAX_LENGTH, Condition, form_problem, parse_condition, spelled
from catalog.domain.findings import Report, did_you_mean
from catalog.domain.plain import SECTIONS, actions, fields, mapping, mappings
from catalog.domain.positions import Path
from catalog.domain.references import Targets, form_targets, resolve
from catalog.domain.templating import Reference
from pao.core.errors import TemplateSyntaxError, UnknownNamespaceError

MAX_CHARACTERS = 8_000
"""All conditions of a document together: the slowest of that length are read in a fifth of a second."""

_EXAMPLE = "For example `current.basic.size == 'large' && !current.basic.trial`."


class _Problem(NamedTuple):
    code: str
    message: str
    offset: int


def check_conditions(data: Mapping[str, Any], report: Report) -> None:
    """Report conditions that are not well written or too many, and everything that is wrong with `visibleWhen`."""
    total = 0
    for path, text in _all(data):
        total += len(text)
        if total > MAX_CHARACTERS:
            message = f"The conditions of a document have {MAX_CHARACTERS} characters at most in all"
            report.add("document_too_large", path, message, hint="Put fields with one condition into one group.")
            break
        problem = _read(text)
        if isinstance(problem, _Problem):
            report.add(problem.code, path, problem.message, hint=_EXAMPLE, inside=(text, problem.offset))
    _check_visibility(data, report)


def conditions_of(data: Mapping[str, Any]) -> dict[Path, Condition]:
    """Return the well written conditions of a document by their paths, as far as there are not too many."""
    read: dict[Path, Condition] = {}
    total = 0
    for path, text in _all(data):
        total += len(text)
        if total > MAX_CHARACTERS:
            break
        condition = _read(text)
        if isinstance(condition, Condition):
            read[path] = condition
    return read


def check_references(condition: Condition, path: Path, targets: Targets, report: Report) -> None:
    """Report what a condition refers to where nothing is, or where a secret is; `targets` is all that there is."""
    for member in condition.members:
        target = resolve(member, targets)
        inside = (condition.text, member.offset)
        name = spelled(member.path)
        if target is None:
            hint = partial(_nearest, member, targets)
            report.add("unknown_reference", path, f"There is nothing at {name}", hint=hint, inside=inside)
        elif target.secret:
            message = f"What a condition decides would tell of {target.secret} ({name})"
            report.add("secret_disclosed", path, message, hint="Compare something that is no secret.", inside=inside)


def _nearest(member: Reference, targets: Targets) -> str:
    known = [spelled(path) for path in targets if path[0] == member.namespace]
    return did_you_mean(spelled(member.path), known) or f"Nothing is known under {member.namespace} here."


@lru_cache(maxsize=4_096)
def _read(text: str) -> Condition | _Problem:
    """Return the condition, or why it is none; remembered, as one text is asked for several times."""
    try:
        return parse_condition(text)
    except TemplateSyntaxError as error:
        code = "unknown_namespace" if isinstance(error, UnknownNamespaceError) else "condition_invalid"
        return _Problem(code, error.message, error.offset)


def _all(data: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    groups = mapping(mapping(data.get("input")).get("form")).get("groups")
    holders: list[tuple[Path, Mapping[str, Any]]] = [
        *((("input", "form", "groups", index), group) for index, group in mappings(groups)),
        *((path, field) for path, _, field in fields(data)),
        *((("components", index), component) for index, component in mappings(data.get("components"))),
        *(found for section in SECTIONS for found in actions(data, section)),
    ]
    for path, holder in holders:
        key = "visibleWhen" if path[0] == "input" else "when"
        text = holder.get(key)
        if isinstance(text, str) and 0 < len(text) <= MAX_LENGTH:  # else the schema has told
            yield (*path, key), text


def _check_visibility(data: Mapping[str, Any], report: Report) -> None:
    targets, choices = form_targets(data), choices_of(data)
    decidable: dict[Path, Condition] = {}
    for path, condition in conditions_of(data).items():
        if path[-1] != "visibleWhen":
            continue
        problem = _undecidable(condition, targets)
        if problem:
            message, offset, hint = problem
            inside = (condition.text, offset)
            report.add("condition_invalid", path, f"No form can decide this: {message}", hint=hint, inside=inside)
            continue
        decidable[path] = condition
        check_references(condition, path, targets, report)
        check_comparisons(condition, path, targets, choices, report)
    check_chains(data, decidable, report)


def _undecidable(condition: Condition, targets: Targets) -> tuple[str, int, str] | None:
    """Return why a form cannot decide the condition, the offset in its text and a hint; None when it can."""
    if problem := form_problem(condition):
        return (*problem, _EXAMPLE)
    for member in condition.members:
        target, name = resolve(member, targets), spelled(member.path)
        if target and target.family == "object":
            inside = [spelled(path) for path in targets if path[:-1] == member.path]
            return f"{name} is a group, and no field", member.offset, did_you_mean("", inside)
        if target and member.path not in targets:
            return "it knows of a file only whether there is one", member.offset, f"Compare {spelled(member.path[:3])}."
    return None
