"""The published layout in the core of JSON Forms: every control finds its schema, and is shown as the server says."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given

from catalog.domain.documents import Form
from catalog.domain.form_jsonforms import layout
from catalog.domain.form_schema import json_schema
from catalog.domain.forms.visibility import hidden_paths
from devtools.rjsf.harness import Program
from tests.catalog.domain.form_cases import ECMASCRIPT, forms_with_data
from tests.catalog.domain.templating.hostile import values_checked


@pytest.fixture(scope="session")
def jsonforms() -> Iterator[Program]:
    """The core of JSON Forms."""
    program = Program("jsonforms.mjs")
    yield program
    program.close()


def scope(path: tuple[str, ...]) -> str:
    return "#" + "".join(f"/properties/{step}" for step in path)


@values_checked(60)
@given(drawn=forms_with_data(ECMASCRIPT, of_each=6, has_conditions=True))
def test_controls_point_into_the_schema_and_are_shown_as_the_server_says(
    jsonforms: Program, drawn: tuple[Form, list[Any]]
) -> None:
    form, many = drawn
    objects = [data for data in many if isinstance(data, dict)]
    answer = jsonforms.ask({"schema": json_schema(form, "T"), "uischema": layout(form), "values": objects})
    assert answer["missing"] == []
    for data, hidden in zip(objects, answer["hidden"], strict=True):
        expected = {scope(path) for path in hidden_paths(form, data) if len(path) > 1}
        assert {each.removesuffix("/properties/fileId") for each in hidden} == expected, data
