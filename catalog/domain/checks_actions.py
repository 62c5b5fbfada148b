"""The actions of an item: ids, outputs, references and secrets (sections fulfillment and templates)."""

import re
from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jmespath
from jmespath.exceptions import JMESPathError

from catalog.domain.checks_comparisons import check_comparisons, choices_of
from catalog.domain.checks_conditions import check_references, conditions_of
from catalog.domain.findings import Report, did_you_mean, quoted
from catalog.domain.places import disclosure_in
from catalog.domain.plain import SECTIONS, actions, mapping
from catalog.domain.positions import Path
from catalog.domain.references import (
    SYSTEM_TARGETS,
    Steps,
    Target,
    Targets,
    fills_gaps,
    form_targets,
    metadata_targets,
    nearest,
    output_targets,
    resolve,
)
from catalog.domain.schemas import Schemas
from catalog.domain.uses import Use

_LONGEST_EXPRESSION = 2_000  # as the schema says; longer ones are reported by it
_RESULT = "For example `body.connection.url`."
_ANSWER = "For example `body.state == 'done'`; numbers stand in backticks, as in status == `200`."
_SECRET_NAME = re.compile(r"(?:.*[_-])?(?:token|secret|password|passwd|api[_-]?key|access[_-]?key)", re.IGNORECASE)


def check_actions(data: Mapping[str, Any], uses: tuple[Use, ...], report: Report, schemas: Schemas) -> None:
    """Report what is wrong with the actions of an item; `uses` are all references in their templates."""
    by_action = defaultdict(list)
    for use in uses:
        by_action[use.action].append(use)
    ids: set[str] = set()
    for section in SECTIONS:
        keys: set[str] = set()
        for path, action in actions(data, section):
            _check_id(action, path, ids, report)
            _check_outputs(action, path, keys, report, schemas)
            _check_poll(action, path, report, schemas)
            _check_query_names(mapping(action.get("config")), (*path, "config"), report)
    fixed = {**SYSTEM_TARGETS, **form_targets(data), **metadata_targets(data)}
    conditions, choices = conditions_of(data), choices_of(data)
    for section in SECTIONS:
        known = dict(fixed)
        late = {key for _, action in actions(data, section) for key in output_targets(action)}
        for path, action in actions(data, section):
            if condition := conditions.get((*path, "when")):
                check_references(condition, (*path, "when"), known, report)
                check_comparisons(condition, (*path, "when"), known, choices, report)
            for use in by_action[path]:
                if use.where != "condition":
                    _check_use(use, known, late, report)
            known |= output_targets(action)


def _check_id(action: Mapping[str, Any], path: Path, seen: set[str], report: Report) -> None:
    identifier = action.get("id")
    if not isinstance(identifier, str):
        return
    if identifier in seen:
        message = f"The action id {quoted(identifier)} stands in this item already"
        report.add("duplicate_action_id", (*path, "id"), message, hint="Give it an id of its own.")
    seen.add(identifier)


def _check_poll(action: Mapping[str, Any], path: Path, report: Report, schemas: Schemas) -> None:
    poll = mapping(mapping(action.get("config")).get("poll"))
    for name in ("urlFrom", "until", "failWhen"):
        expression = poll.get(name)
        if isinstance(expression, str) and expression and len(expression) <= _LONGEST_EXPRESSION:
            at: Path = (*path, "config", "poll", name)
            _check_expression(expression, str(action.get("type")), at, report, schemas, example=_ANSWER)


def _check_outputs(action: Mapping[str, Any], path: Path, keys: set[str], report: Report, schemas: Schemas) -> None:
    for key, output in mapping(action.get("outputs")).items():
        at: Path = (*path, "outputs", key)
        if key in keys:
            message = f"The output {quoted(key)} is written by an earlier action, too"
            report.add("duplicate_output_key", at, message, hint="The later value wins; rename one.", at_key=True)
        keys.add(key)
        expression = output.get("from") if isinstance(output, Mapping) else output
        if isinstance(expression, str) and "{{" not in expression and len(expression) <= _LONGEST_EXPRESSION:
            where = (*at, "from") if isinstance(output, Mapping) else at
            _check_expression(expression, str(action.get("type")), where, report, schemas)


def _check_expression(
    expression: str, action_type: str, path: Path, report: Report, schemas: Schemas, *, example: str = _RESULT
) -> None:
    try:
        tree = jmespath.compile(expression).parsed
    except (JMESPathError, RecursionError) as error:
        message = f"{quoted(expression)} is not JMESPath: {' '.join(str(error).split())[:120]}"
        report.add("expression_invalid", path, message, hint=example)
        return
    while tree["children"] and tree["type"] != "field":
        tree = tree["children"][0]
    if tree["type"] != "field" or action_type not in schemas.action_types:
        return
    members = schemas.result_members(action_type)
    if members is not None and tree["value"] not in members:
        message = f"The result of {action_type} has no {quoted(tree['value'])}"
        hint = did_you_mean(tree["value"], members) or "It has no result; only templates can be outputs here."
        report.add("unknown_reference", path, message, hint=hint)


def _check_query_names(config: Mapping[str, Any], path: Path, report: Report) -> None:
    hint = "Use a header, or `authentication` with the name of a secret."
    for key in mapping(config.get("query")):
        if _SECRET_NAME.fullmatch(key):
            message = f"The query parameter {quoted(key)} would show a secret in access logs"
            report.add("secret_disclosed", (*path, "query", key), message, hint=hint, at_key=True)
    for at in (("endpoint",), ("poll",), ()):
        url = (mapping(config.get(at[0])) if at else config).get("url")
        for name in _query_names(url):
            if _SECRET_NAME.fullmatch(name):
                message = f"The URL's parameter {quoted(name)} would show a secret in access logs"
                report.add("secret_disclosed", (*path, *at, "url"), message, hint=hint)


def _query_names(url: object) -> list[str]:
    try:
        query = urlsplit(url).query if isinstance(url, str) else ""
        return [name for name, _ in parse_qsl(query, keep_blank_values=True)]
    except ValueError:
        return []


def _check_use(use: Use, targets: Targets, late: Collection[Steps], report: Report) -> None:
    target = resolve(use.reference, targets)
    inside = (use.text, use.reference.offset)
    if target is None and use.reference.path[:2] in late:
        message = f"{use.reference} is made by this action or a later one"
        hint = "Outputs are there for the actions after the one that makes them: change the order."
        report.add("unknown_reference", use.path, message, hint=hint, inside=inside)
        return
    if target is None:
        message = f"There is nothing at {use.reference}"
        report.add("unknown_reference", use.path, message, hint=lambda: nearest(use.reference, targets), inside=inside)
        return
    if use.bare and target.optional and not fills_gaps(use.reference):
        message = f"{use.reference} may be missing, and would then be written as an empty value, such as 0"
        hint = "Make the field required, give it a default, or write {{… | default …}}; or put quotes around it."
        report.add("unknown_reference", use.path, message, hint=hint, inside=inside)
    if reason := disclosure(use, target):
        report.add("secret_disclosed", use.path, f"{reason} ({use.reference})", hint=_WHERE_TO, inside=inside)


_WHERE_TO = "Secrets belong into headers or the body of a rest-api action over https."


def disclosure(use: Use, target: Target) -> str:
    """Return why the use would disclose a secret, or nothing when it would not (B47, B61, B65)."""
    if not target.secret:
        return ""
    is_of_platform = use.reference.path[:2] == ("system", "platform")
    problem = disclosure_in(use.where, is_of_platform=is_of_platform, over_https=use.over_https)
    return f"{target.secret[:1].upper()}{target.secret[1:]} {problem}" if problem else ""
