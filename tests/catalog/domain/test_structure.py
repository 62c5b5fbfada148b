"""Structure is checked without a validator for each member, and finds what jsonschema itself finds."""

from copy import deepcopy
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator
from jsonschema.validators import extend

from catalog.domain import structure
from catalog.domain.schemas import schemas
from tests.catalog.domain.catalog_files import BUNDLE, ITEM

DOCUMENTS = {"item.json": yaml.safe_load(ITEM), "bundle.json": yaml.safe_load(BUNDLE)}
OURS = structure._VALIDATOR
STOCK: Any = extend(
    Draft7Validator,
    {name: OURS.VALIDATORS[name] for name in ("required", "additionalProperties", "propertyNames", "pattern")},
)  # type: ignore[no-untyped-call] # jsonschema's own gap in its types
VALUES = st.sampled_from(
    [None, "", "x", 0, -1, 10**9, 1.5, True, [], [1], {}, {"type": "rest-api"}, {"from": "{{"}, "é" * 999]
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths of all members of a document."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, child in children for place in places(child, (*path, key)))]


def errors(validator: Any, document: Any) -> set[tuple[Any, ...]]:
    """Return what a validator finds: the rule, where it stands, and what breaks it."""
    return {
        (error.validator, tuple(error.absolute_path), tuple(error.absolute_schema_path), repr(error.instance))
        for error in validator.iter_errors(document)
    }


@settings(max_examples=60)
@given(name=st.sampled_from(sorted(DOCUMENTS)), data=st.data())
def test_it_finds_what_jsonschema_finds(name: str, data: st.DataObject) -> None:
    document = deepcopy(DOCUMENTS[name])
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from([place for place in places(document) if place]))
        parent = document
        for step in path[:-1]:
            parent = parent[step]
        if data.draw(st.booleans()) and isinstance(parent, dict):
            parent["unknown"] = parent.pop(path[-1])
        else:
            parent[path[-1]] = data.draw(VALUES)
    schema = schemas().linked[name]
    assert errors(OURS(schema), document) == errors(STOCK(schema), document)


@pytest.mark.parametrize(("rule", "is_valid"), [(True, True), (False, False), ({}, True), ({"not": {}}, False)])
def test_a_schema_may_be_a_boolean(rule: Any, is_valid: bool) -> None:  # noqa: FBT001 - a column of the table
    assert OURS({"properties": {"a": rule}}).is_valid({"a": 1}) == is_valid
