"""Outputs: what a finished action's result, or a template, gives to the tasks after it (R10)."""

import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.parser import ParsedResult

from pao.clients.redaction import MASK
from pao.core.errors import ActionFailed, TemplateError

LONGEST_EXPRESSION = 1000
LONGEST_VALUE = 65_536


@dataclass(frozen=True)
class Captured:
    """The outputs by key, which of them are secrets, and why the others could not be captured."""

    values: Mapping[str, Any]
    secret_keys: frozenset[str]
    missing: Mapping[str, str]


@dataclass(frozen=True)
class _Output:
    source: str
    secret: bool = False
    required: bool = False


class _Missing(Exception):
    """Why an output has no value."""


def capture(outputs: Mapping[str, Any], result: Mapping[str, Any], render: Callable[[str], Any]) -> Captured:
    """Take the outputs from `result`.

    An output is a JMESPath expression over the result, a template when it has braces (given to `render`), or the long
    form `{from, secret, required}`. A null is missing, and so is a value that PAO has masked: nobody shall work on with
    a mask in place of a secret. Raises `ActionFailed` (code OUTPUT_MISSING) when a required one is missing; the effect
    has happened then, so the caller adds its references.
    """
    values: dict[str, Any] = {}
    missing: dict[str, str] = {}
    wanted = {key: _output(given) for key, given in outputs.items()}
    for key, output in wanted.items():
        try:
            values[key] = _value(output.source, result, render)
        except _Missing as why:
            missing[key] = str(why)
    lacking = [f"{key} ({missing[key]})" for key, output in wanted.items() if output.required and key in missing]
    if lacking:
        raise ActionFailed(
            f"The action was done, but its answer lacks a required output: {', '.join(lacking)}. "
            "Look the values up outside; correct the document before the entry is requested again.",
            code="OUTPUT_MISSING",
            missing=sorted(key for key in missing if wanted[key].required),
        )
    secret_keys = frozenset(key for key in values if wanted[key].secret)
    return Captured(values, secret_keys, missing)


def secret_values(outputs: Mapping[str, Any], result: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what `result` holds where the document declares secret outputs: texts, numbers and booleans."""
    found: list[Any] = []
    for output in map(_output, outputs.values()):
        if output.secret and "{{" not in output.source:
            with suppress(_Missing):
                found += _leaves(_found(output.source, result))
    return tuple(found)


def without(value: Any, secrets: Iterable[Any]) -> Any:
    """Return a copy of a JSON value with a mask wherever one of these texts, numbers or booleans stands, whole."""
    known = {(type(secret), secret) for secret in secrets}

    def masked(part: Any) -> Any:
        match part:
            case Mapping():
                return {key: masked(member) for key, member in part.items()}
            case list() | tuple():
                return [masked(member) for member in part]
            case _:
                return MASK if (type(part), part) in known else part

    return masked(value)


def texts_in(value: Any) -> list[str]:
    """Return every text inside a JSON value, and every number as it is written: what can be found within a text."""
    leaves = (leaf for leaf in _leaves(value) if not isinstance(leaf, bool))
    return [leaf if isinstance(leaf, str) else json.dumps(leaf) for leaf in leaves]


def _leaves(value: Any) -> list[Any]:
    match value:
        case Mapping():
            return [leaf for member in value.values() for leaf in _leaves(member)]
        case list() | tuple():
            return [leaf for member in value for leaf in _leaves(member)]
        case str() | int() | float():
            return [value]
        case _:
            return []


def _output(given: Any) -> _Output:
    if isinstance(given, Mapping):
        return _Output(str(given.get("from", "")), given.get("secret") is True, given.get("required") is True)
    return _Output(str(given))


def _value(source: str, result: Mapping[str, Any], render: Callable[[str], Any]) -> Any:
    value = _rendered(source, render) if "{{" in source else _found(source, result)
    if value is None:
        raise _Missing("the answer has no such value")
    try:
        written = json.dumps(value, allow_nan=False)
    except (ValueError, TypeError, RecursionError):
        raise _Missing("the value is not JSON") from None
    if len(written) > LONGEST_VALUE:
        raise _Missing(f"the value is longer than {LONGEST_VALUE} characters")
    if MASK in written:
        raise _Missing("the value was masked when the answer was recorded")
    return value


def _rendered(template: str, render: Callable[[str], Any]) -> Any:
    try:
        return render(template)
    except TemplateError as error:
        raise _Missing(error.message) from error


def _found(expression: str, result: Mapping[str, Any]) -> Any:
    try:
        return _compiled(expression).search(result)
    except (JMESPathError, RecursionError) as error:
        raise _Missing(f"the expression cannot be applied: {str(error).splitlines()[0]}") from error


@lru_cache(maxsize=1024)
def _compiled(expression: str) -> ParsedResult:
    if not expression.strip() or len(expression) > LONGEST_EXPRESSION:
        raise _Missing(f"the expression is empty or longer than {LONGEST_EXPRESSION} characters")
    return jmespath.compile(expression)
