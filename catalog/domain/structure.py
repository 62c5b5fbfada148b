"""Structure: a document against its JSON Schema, each broken rule told as a finding (code table, section structure).

The schemas say which code a rule has (`x-pao-code`, `x-pao-missing`), what it says in words (`x-pao-rule`), and whether
it is softened (`x-pao-relaxed` when a catalog is loaded, `x-pao-severity` always).
"""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from jsonschema import Draft7Validator, ValidationError
from jsonschema.validators import extend

from catalog.domain.findings import Report, did_you_mean, quoted
from catalog.domain.schemas import Schema, Schemas

_FILES = {"CatalogItem": "item.json", "CatalogBundle": "bundle.json"}
_CHECKED_BEFORE = {("schemaVersion",), ("kind",)}
_CODES = {
    "required": "required_missing",
    "additionalProperties": "unknown_property",
    "minLength": "required_missing",
    "maxLength": "string_too_long",
}
_KEEP_THEIR_CODE = {"type", "minLength", "maxLength"}
_WORDS = {
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
}


def without_nulls(value: Any) -> Any:
    """Return plain data without members that are null: for a document they are absent (code `required_missing`)."""
    if isinstance(value, dict):
        return {key: without_nulls(child) for key, child in value.items() if child is not None}
    if isinstance(value, list):
        return [without_nulls(child) for child in value]
    return value


def check_structure(data: dict[str, Any], kind: str, report: Report, schemas: Schemas) -> None:
    """Report every place where the document is not what the schema of its kind says."""
    validator = _VALIDATOR(schemas.linked[_FILES[kind]])
    for error in validator.iter_errors(data):
        if tuple(error.absolute_path) not in _CHECKED_BEFORE:
            _report(error, report)


_Hint = str | Callable[[], str]


def _report(error: ValidationError, report: Report) -> None:
    keyword = str(error.validator)
    schema: Schema = error.schema if isinstance(error.schema, dict) else {}
    path = tuple(error.absolute_path)
    name = path[-1] if path else "The document"
    subject = schema
    if keyword == "required":
        subject = schema.get("properties", {}).get(name, {})
        code = subject.get("x-pao-missing", "required_missing")
        message = f"`{name}` is missing"
        hint: _Hint = _described(subject)
    else:
        code = _code(keyword, schema)
        message, hint = _told(keyword, error, schema, name)
    softened = subject.get("x-pao-relaxed") if keyword in {"required", "minLength"} else None
    report.add(
        code,
        path,
        message,
        hint=hint,
        at_key=keyword in {"additionalProperties", "not"} or "propertyNames" in error.absolute_schema_path,
        severity=schema.get("x-pao-severity") if keyword != "required" else None,
        relaxed=softened,
    )


def _code(keyword: str, schema: Schema) -> str:
    own = schema.get("x-pao-code", {})
    default = _CODES.get(keyword, "type_mismatch")
    if isinstance(own, dict):
        return str(own.get(keyword, default))
    return default if keyword in _KEEP_THEIR_CODE or keyword == "additionalProperties" else str(own)


def _described(schema: Schema) -> str:
    text = schema.get("description", "")
    return f"Add it: {text[:1].lower()}{text[1:]}" if text else "Add it."


def _told(keyword: str, error: ValidationError, schema: Schema, name: object) -> tuple[str, _Hint]:
    """Return message and hint."""
    value: Any = error.instance
    bound: Any = error.validator_value
    rule = schema.get("x-pao-rule", "")
    if keyword == "additionalProperties":
        known = schema.get("properties", ())
        return f"{quoted(name)} is not known here", lambda: did_you_mean(str(name), known)
    if keyword == "type":
        allowed = [bound] if isinstance(bound, str) else bound
        return f"`{name}` must be {' or '.join(_WORDS[each] for each in allowed)}, not {_kind_of(value)}", (
            _quoting(schema) if "string" in allowed and isinstance(value, int | float) else ""
        )
    if keyword == "enum":
        listed = [str(each) for each in bound]
        return f"{quoted(value)} is not one of {', '.join(listed)}", lambda: did_you_mean(str(value), listed)
    if keyword == "pattern":
        return f"{quoted(value)} {rule}", _example(schema)
    if keyword in {"const", "not"}:
        return f"`{name}` {rule or f'must be {bound}'}", ""
    return f"`{name}` {rule or _bound(keyword, bound, value)}", ""


def _bound(keyword: str, bound: object, value: Any) -> str:
    if keyword == "minLength" and value == "":
        return "is empty"
    amount = len(value) if isinstance(value, str | list) else value
    sentences = {
        "minLength": f"has {amount} characters; at least {bound} are needed",
        "maxLength": f"has {amount} characters; at most {bound} are allowed",
        "minItems": f"has {amount} entries; at least {bound} are needed",
        "maxItems": f"has {amount} entries; at most {bound} are allowed",
        "minimum": f"is {amount}; at least {bound} is needed",
        "maximum": f"is {amount}; at most {bound} is allowed",
        "exclusiveMinimum": f"is {amount}; it must be more than {bound}",
    }
    return sentences[keyword]


def _example(schema: Schema) -> str:
    examples = schema.get("examples")
    return f"For example `{examples[0]}`." if examples else ""


def _quoting(schema: Schema) -> str:
    return f"Put it into quotes, so that it is text. {_example(schema)}".rstrip()


def _kind_of(value: object) -> str:
    if isinstance(value, bool):
        return "true or false"
    if value is None:
        return "nothing"
    names: tuple[tuple[type, str], ...] = ((str, "text"), (int, "a number"), (float, "a number"), (list, "a list"))
    return next((name for each, name in names if isinstance(value, each)), "a mapping")


# Keywords told anew: an error carries the member it speaks of as the end of its path, and a pattern means all of the
# text, where Python's `$` would let a line break pass.


def _required(_validator: Any, members: list[str], instance: Any, _schema: Schema) -> Iterator[ValidationError]:
    if isinstance(instance, dict):
        yield from (ValidationError("missing", path=[member]) for member in members if member not in instance)


def _closed(_validator: Any, rest: object, instance: Any, schema: Schema) -> Iterator[ValidationError]:
    if not isinstance(instance, dict):
        return
    known = schema.get("properties", {})
    for member in instance:
        if member in known:
            continue
        if rest is False:
            yield ValidationError("unknown", path=[member])
        elif isinstance(rest, dict):
            yield from _validator.descend(instance[member], rest, path=member)


def _names(validator: Any, rule: Schema, instance: Any, _schema: Schema) -> Iterator[ValidationError]:
    if isinstance(instance, dict):
        for member in instance:
            yield from validator.descend(member, rule, path=member)


def _pattern(_validator: Any, pattern: str, instance: Any, _schema: Schema) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not _compiled(pattern).fullmatch(instance):
        yield ValidationError("pattern")


@lru_cache(maxsize=64)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _if(validator: Any, condition: Schema, instance: Any, schema: Schema) -> Iterator[ValidationError]:
    branch = "then" if _holds(validator, condition, instance) else "else"
    if branch in schema:
        yield from validator.descend(instance, schema[branch], schema_path=branch)


def _not(validator: Any, refused: Schema, instance: Any, _schema: Schema) -> Iterator[ValidationError]:
    if _holds(validator, refused, instance):
        yield ValidationError("refused")


def _holds(validator: Any, schema: Schema, instance: Any) -> bool:
    return next(validator.descend(instance, schema), None) is None


def _descend(
    validator: Any,
    instance: Any,
    schema: Schema | bool,  # noqa: FBT001 - jsonschema's order of arguments
    path: Any = None,
    schema_path: Any = None,
    resolver: object = None,
) -> Iterator[ValidationError]:
    """Do what jsonschema's own does, without making a validator for each member: linked schemas have no references."""
    del resolver
    if isinstance(schema, bool):
        schema = {} if schema else {"not": {}}
    for keyword, rule in schema.items():
        check = validator.VALIDATORS.get(keyword)
        if check is None:
            continue
        for error in check(validator, rule, instance, schema) or ():
            if not isinstance(error.validator, str):
                error.validator, error.validator_value = keyword, rule
                error.instance, error.schema = instance, schema
            if keyword != "if":
                error.schema_path.appendleft(keyword)
            if schema_path is not None:
                error.schema_path.appendleft(schema_path)
            if path is not None:
                error.path.appendleft(path)
            yield error


_VALIDATOR: type[Draft7Validator] = extend(  # type: ignore[no-untyped-call] # jsonschema's own gap in its types
    Draft7Validator,
    {
        "required": _required,
        "additionalProperties": _closed,
        "propertyNames": _names,
        "pattern": _pattern,
        "if": _if,
        "not": _not,
    },
)
_VALIDATOR.descend = _descend  # type: ignore[method-assign,assignment] # the same but for types
