"""The published schema in the validator that form libraries use: it agrees with the server's own."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.domain.documents import Form
from catalog.domain.form_schema import json_schema, published_pattern
from catalog.domain.patterns import compile_pattern, pattern_problem
from devtools.rjsf.harness import Program
from tests.catalog.domain.form_cases import ECMASCRIPT, forms_with_data, is_sayable, objections
from tests.catalog.domain.templating.hostile import values_checked

# Each is read differently by two of RE2, Python and ECMAScript in one pattern or another.
ODD = [*"\t\n\v\f\r \x00\x1f\x7f\x85\xa0\u1680\u2028\u3000\ufeff", *"aZ_9-.\\é٣ſK😀", "", "a\n", "a\r", "é\n"]
TOLD = [
    ".", ".+", "a.?", "^.$", r"\s", r"\S", r"\s*", r"[\s]", r"[^\s]", r"[\S]", r"[^\S]", r"[\s.]", r"[^\s.]", r"[\s\S]",
    r"\.", r"\\.", r"[.]", r"\w", r"\W", r"[\w-]", r"\d", r"\D", r"[^\d]", r"\b.*", r"\B.*", "[^a]", "[^a]*", "a$",
    "^a|é$",
]  # fmt: skip


@pytest.mark.parametrize("pattern", TOLD)
def test_browsers_read_a_published_pattern_as_the_server_does(ajv: Program, pattern: str) -> None:
    """B20, B21."""
    answers = ajv.ask({"schema": {"type": "string", "pattern": published_pattern(pattern)}, "values": ODD})
    assert pattern_problem(pattern) is None
    assert dict(zip(ODD, answers, strict=True)) == {text: compile_pattern(pattern)(text) for text in ODD}


@values_checked(150)
@given(drawn=st.booleans().flatmap(lambda has: forms_with_data(ECMASCRIPT, of_each=10, has_conditions=has)))
def test_browsers_accept_what_the_server_accepts_and_refuse_what_the_schema_can_say(
    ajv: Program, drawn: tuple[Form, list[Any]]
) -> None:
    form, many = drawn
    answers = ajv.ask({"schema": json_schema(form, "Title"), "values": many})
    for data, is_valid in zip(many, answers, strict=True):
        found = objections(form, data)
        if not found or any(is_sayable(form, detail) for detail in found):
            assert is_valid is (not found), (data, found)
