"""Forms: what each of the ten field types accepts, and how each refusal reads."""

import copy
import json
from typing import Any

import pytest

from catalog.domain.documents import Field, FieldType, Form, Group
from catalog.domain.forms import declared_types, form_version, masked_values, secret_paths, validate
from catalog.domain.forms.limits import ITEMS_CAP, NUMBER_CAP, TEXT_CAP, TEXTAREA_CAP
from pao.core.errors import Detail, ValidationFailed

TEXT_TYPES: tuple[FieldType, ...] = ("string", "textarea", "email", "password")
FILE: dict[str, Any] = {
    "fileId": "01234567-89ab-7def-8123-456789abcdef",
    "name": "a.PDF",
    "size": 3,
    "type": "application/pdf",
}


def field(kind: FieldType = "string", **members: Any) -> Field:
    return Field(id="value", name="Value", type=kind, **members)


def form(*fields: Field) -> Form:
    return Form("Name", "", (Group("basic", "Basic", fields),))


def details(tested: Form, data: object) -> tuple[Detail, ...]:
    with pytest.raises(ValidationFailed) as caught:
        validate(tested, data)
    return caught.value.details


def codes(tested: Field, value: Any) -> list[str]:
    return [detail.code for detail in details(form(tested), {"name": "orders", "basic": {"value": value}})]


CHOICE = field("select", enum=("small", "large"))
CHOICES = field("multiselect", enum=("a", "b", "c"), validation={"min": 1, "max": 2})
MIXED = field("select", enum=(1, "2", True, 2.5))
PRICE = field("number", validation={"min": 0, "max": 10, "step": 0.1})
STRONG = field("password", validation={"strength": "strong"})
DAY = field("date", validation={"min": "2026-01-01", "max": "2026-12-31"})
UPLOAD = field("file", validation={"maxSize": 10, "accept": [".pdf", "image/*", "text/plain"]})

ACCEPTED: list[tuple[Field, Any]] = [
    (field(), 'any text\n with "quotes", \u2028 and {{.current.name}}'),
    (field(), ""),
    (field(), "x" * TEXT_CAP),
    (field(validation={"pattern": "[a-z]+"}), "abc"),
    (field(validation={"minLength": 2, "maxLength": 3}), "äöü"),
    (field(validation={"min": 2, "max": 3}), "ab"),  # lengths by their other names
    (field(validation={"maxLength": 5000}), "x" * 5000),  # the author's own limit goes above the cap
    (field("textarea"), "x" * TEXTAREA_CAP),
    (field("email"), "ada.lovelace+x@mail.example.com"),
    (field("password"), "[Secret]"),
    (field("password", validation={"strength": "medium"}), "abcDEF12"),
    (STRONG, "abcDEF123456!"),
    (field("number"), 0),
    (field("number"), -1.5),
    (field("number"), NUMBER_CAP),
    (PRICE, 0.3),  # not a multiple of 0.1 in binary floats
    (PRICE, 10),
    (field("number", validation={"step": 5e-324}), 1e15),
    (field("boolean"), True),
    (field("boolean", required=True), False),
    (CHOICE, "small"),
    (MIXED, 1.0),  # JSON has one kind of number
    (MIXED, True),
    (CHOICES, ["a", "b"]),
    (field("multiselect"), ["free", "free", ""]),
    (field("multiselect"), []),
    (field("date"), "2024-02-29"),
    (DAY, "2026-01-01"),
    (DAY, "2026-12-31"),
    (field("file"), FILE),
    (UPLOAD, FILE),
    (UPLOAD, FILE | {"name": "x.bin", "type": "image/png", "size": 10}),
    (UPLOAD, FILE | {"name": "x", "type": "Text/Plain"}),
    (UPLOAD, {"fileId": FILE["fileId"]}),
    (field("file", validation={"accept": "application/x-yaml"}), FILE | {"type": "text/yaml"}),  # one kind, two names
]


@pytest.mark.parametrize(("tested", "value"), ACCEPTED)
def test_a_value_is_accepted_exactly_as_typed(tested: Field, value: Any) -> None:
    data = {"name": "orders", "basic": {"value": value}}
    accepted = validate(form(tested), data)
    assert accepted == data
    assert type(accepted["basic"]["value"]) is type(value)


def test_a_file_that_nobody_chose_is_absent() -> None:
    """Form libraries draw the reference as an object, and send it empty."""
    assert validate(form(field("file")), {"name": "orders", "basic": {"value": {}}}) == {"name": "orders", "basic": {}}


NO_TEXT: tuple[Any, ...] = (1, True, None, ["a"], {})
NO_NUMBER: tuple[Any, ...] = ("5", True, None, [], {}, float("nan"), float("inf"))
NO_BOOLEAN: tuple[Any, ...] = ("true", 1, 0, None, [])
NO_LIST: tuple[Any, ...] = ("a", None, {"a": 1}, [1], [None])
NO_FILE: tuple[Any, ...] = ("a.pdf", None, [], FILE | {"extra": 1}, {"name": "a.pdf"}, {"extra": 1})
# `@` alone satisfies many a checker
NO_EMAIL = ("@", "a@b", "a b@c.de", "a@c.de\n", "a@-c.de", ".a@c.de", "a..b@c.de", "a@c.de,b@c.de")
NO_DAY = (
    "",
    "2026-02-30",
    "31.01.2026",
    "2026-1-1",
    "2026-01-31\n",
    "20260131",
    "2026-W05-1",
    "2026-01-31T00:00",
    "٢٠٢٦-01-31",
)
NO_FILE_ID = ("x", "../../etc/passwd", f"{FILE['fileId']}\n", "01234567-89AB-7DEF-8123-456789ABCDEF")

REFUSED: list[tuple[Field, Any, list[str]]] = [
    # B22: another JSON type, never coerced
    *((field(kind), value, ["TYPE"]) for kind in TEXT_TYPES for value in NO_TEXT),
    *((field("number"), value, ["TYPE"]) for value in NO_NUMBER),
    *((field("boolean"), value, ["TYPE"]) for value in NO_BOOLEAN),
    *((field("date"), value, ["TYPE"]) for value in (20260131, None, ["2026-01-31"])),
    *((field("multiselect"), value, ["TYPE"]) for value in NO_LIST),
    *((field("file"), value, ["TYPE"]) for value in NO_FILE),
    *((CHOICE, value, ["ENUM"]) for value in ("medium", None, 1, ["small"], "", "small ")),
    # text
    (field(required=True), "", ["REQUIRED"]),
    (field(), "x" * (TEXT_CAP + 1), ["TOO_LONG"]),  # B26
    (field("textarea"), "x" * (TEXTAREA_CAP + 1), ["TOO_LONG"]),
    (field(validation={"maxLength": 3}), "abcd", ["TOO_LONG"]),
    (field(validation={"minLength": 2}), "a", ["TOO_SHORT"]),
    (field(validation={"pattern": "^[a-z]+$"}), "abc\n", ["PATTERN"]),  # B20
    (field(validation={"pattern": "[a-z]+"}), "abc1", ["PATTERN"]),
    (field(validation={"pattern": r"\d+"}), "١٢", ["PATTERN"]),  # B21
    (field(validation={"pattern": "^[a-z]+$"}), "", ["PATTERN"]),
    (field(), "a\x00b", ["INVALID_CHARACTER"]),  # B27
    (field(), "a\ud800b", ["INVALID_CHARACTER"]),  # B28
    (field("textarea"), "\udfff", ["INVALID_CHARACTER"]),
    (field("multiselect"), ["ok", "\x00"], ["INVALID_CHARACTER"]),
    *((field("email"), value, ["FORMAT"]) for value in NO_EMAIL),
    (field("email"), "", ["TOO_SHORT"]),
    (field("email"), "a" * 250 + "@c.de", ["TOO_LONG"]),
    # password
    (field("password"), "[secret]", ["MASK"]),  # B63
    (field("password"), "$encrypted$", ["MASK"]),
    (field("password", validation={"minLength": 8}), "short", ["TOO_SHORT"]),
    (field("password", validation={"strength": "medium"}), "abcdef12", ["STRENGTH"]),
    (STRONG, "abcDEF12345678", ["STRENGTH"]),
    (STRONG, "aB3!", ["STRENGTH"]),
    # number
    (PRICE, -0.1, ["MIN"]),
    (PRICE, 10.1, ["MAX"]),
    (PRICE, 0.35, ["STEP"]),
    (field("number", validation={"step": 1}), 1.5, ["STEP"]),
    (field("number"), NUMBER_CAP + 1, ["MAX"]),
    (field("number"), -(10**400), ["MIN"]),
    # choices
    (MIXED, 2, ["ENUM"]),
    (MIXED, "1", ["ENUM"]),
    (field("select", enum=(1, 0)), True, ["ENUM"]),  # True is not 1
    (CHOICES, ["a", "x"], ["ENUM"]),
    (CHOICES, ["a", "a"], ["DUPLICATE"]),
    (CHOICES, [], ["TOO_FEW"]),
    (CHOICES, ["a", "b", "c"], ["TOO_MANY"]),
    (field("multiselect", required=True), [], ["REQUIRED"]),
    (field("multiselect"), ["x"] * (ITEMS_CAP + 1), ["TOO_MANY"]),
    (field("multiselect"), ["x"] * 100_000, ["TOO_MANY"]),
    (field("multiselect"), ["x" * (TEXT_CAP + 1)], ["TOO_LONG"]),
    # date
    *((field("date"), value, ["FORMAT"]) for value in NO_DAY),
    (DAY, "2025-12-31", ["MIN"]),
    (DAY, "2027-01-01", ["MAX"]),
    # file
    (UPLOAD, FILE | {"size": 11}, ["TOO_LONG"]),
    (UPLOAD, FILE | {"name": "a.exe", "type": "application/x-dosexec"}, ["FORMAT"]),
    *((field("file"), FILE | {"fileId": value}, ["FORMAT"]) for value in NO_FILE_ID),
    *((field("file"), FILE | {"name": value}, ["FORMAT"]) for value in ("", "a/b", "a\\b", "a\x00", "x" * 256)),
    *((field("file"), FILE | {"size": value}, ["TYPE"]) for value in (-1, True, "3", 1.5, None)),
    (field("file"), FILE | {"name": 5}, ["TYPE"]),
    (field("file", required=True), {}, ["REQUIRED"]),
    (field("file"), FILE | {"type": "pdf"}, ["FORMAT"]),
]  # fmt: skip


@pytest.mark.parametrize(("tested", "value", "expected"), REFUSED)
def test_a_value_is_refused_by_code(tested: Field, value: Any, expected: list[str]) -> None:
    assert codes(tested, value) == expected


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("", "REQUIRED"),
        ("ab", "PATTERN"),
        ("Orders", "PATTERN"),
        ("orders\n", "PATTERN"),
        ("o" * 31, "PATTERN"),
        (5, "TYPE"),
    ],
)
def test_the_name_follows_the_one_pattern(name: object, code: str) -> None:
    assert [(detail.field, detail.code) for detail in details(form(), {"name": name})] == [("name", code)]


def test_a_problem_is_told_with_path_pointer_code_and_sentence() -> None:
    tested = Form("Name", "", (Group("basic", "Basic", (field("number", required=True), CHOICES)),))
    assert details(tested, {"name": "orders", "basic": {}})[0] == Detail(
        field="basic.value", issue="This is required.", code="REQUIRED", pointer="/basic/value"
    )
    entry = details(form(CHOICES), {"name": "orders", "basic": {"value": ["a", "x"]}})[0]
    assert (entry.field, entry.pointer) == ("basic.value", "/basic/value/1")


def test_every_problem_is_told_at_once() -> None:
    tested = form(field(required=True), Field("size", "Size", "number"))
    found = details(tested, {"basic": {"size": "5"}})
    assert [(detail.field, detail.code) for detail in found] == [
        ("name", "REQUIRED"),
        ("basic.value", "REQUIRED"),
        ("basic.size", "TYPE"),
    ]


@pytest.mark.parametrize(
    ("data", "field_path", "pointer", "hint"),
    [
        # B23, B24: nothing that is not in the form, wherever it stands
        ({"basic": {"valeu": 1}}, "basic.valeu", "/basic/valeu", "did you mean value?"),
        ({"bsic": {}}, "bsic", "/bsic", "did you mean basic?"),
        ({"state": "completed"}, "state", "/state", "The form has no such field."),
        ({"a/b~c": 1}, "a/b~c", "/a~1b~0c", "The form has no such field."),
        ({"\x00\ud800": 1}, "??", "/??", "The form has no such field."),
        ({"x" * 5000: 1}, "x" * 64, "/" + "x" * 64, "The form has no such field."),
    ],
)
def test_an_unknown_member_is_refused_with_the_nearest_name(
    data: dict[str, Any], field_path: str, pointer: str, hint: str
) -> None:
    (found,) = details(form(field()), {"name": "orders", **data})
    assert (found.field, found.pointer, found.code) == (field_path, pointer, "UNKNOWN_FIELD")
    assert hint in found.issue


@pytest.mark.parametrize("data", [None, [], "text", 5, True])
def test_form_data_is_an_object(data: object) -> None:
    assert [(detail.field, detail.code) for detail in details(form(), data)] == [("", "TYPE")]


@pytest.mark.parametrize("group", [None, [], "text", 5])
def test_a_group_is_an_object(group: object) -> None:
    (found,) = details(form(field()), {"name": "orders", "basic": group})
    assert (found.field, found.pointer, found.code) == ("basic", "/basic", "TYPE")


def test_the_list_of_problems_is_bounded() -> None:
    assert len(details(form(), {f"x{number}": 1 for number in range(10_000)})) == 21
    many = form(*(Field(f"f{number}", "", "number") for number in range(200)))
    assert len(details(many, {"name": "orders", "basic": {f"f{number}": "x" for number in range(200)}})) == 100


def test_a_deep_value_is_refused_without_following_it() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    assert codes(field(), deep) == ["TYPE"]
    assert codes(field("multiselect"), [deep]) == ["TYPE"]


def test_no_sentence_repeats_a_value() -> None:
    secret = "hunter2-hunter2"
    for kind in ("string", "email", "password", "number", "boolean", "select", "date", "file", "multiselect"):
        tested = field(kind, enum=("a",), validation={"maxLength": 3, "strength": "strong", "pattern": "x"})
        for value in (secret, [secret], {"fileId": secret}):
            for detail in details(form(tested), {"name": "orders", "basic": {"value": value}}):
                assert secret not in json.dumps(detail.as_dict())


@pytest.mark.parametrize(
    ("tested", "given", "expected"),
    [
        # the default of an optional field that is absent applies, in an absent group too
        (field("number", default=2), {}, {"basic": {"value": 2}}),
        (field("number", default=2), {"basic": {}}, {"basic": {"value": 2}}),
        (field("boolean", default=False), {}, {"basic": {"value": False}}),
        (field("multiselect", default=["a"]), {}, {"basic": {"value": ["a"]}}),
        # what was typed stays, empty or not
        (field("string", default="x"), {"basic": {"value": ""}}, {"basic": {"value": ""}}),
        (field("number", default=2), {"basic": {"value": 0}}, {"basic": {"value": 0}}),
        # nothing is made up without one
        (field("number"), {}, {}),
        (field("number"), {"basic": {}}, {"basic": {}}),
    ],
)
def test_defaults(tested: Field, given: dict[str, Any], expected: dict[str, Any]) -> None:
    assert validate(form(tested), {"name": "orders", **given}) == {"name": "orders", **expected}


def test_a_required_field_is_asked_for_despite_its_default() -> None:
    (found,) = details(form(field("number", required=True, default=2)), {"name": "orders"})
    assert (found.field, found.code) == ("basic.value", "REQUIRED")


def test_the_answer_shares_nothing_with_what_was_sent_or_with_the_form() -> None:
    tested = form(field("multiselect", default=["a"]), Field("more", "", "multiselect"))
    data = {"name": "orders", "basic": {"more": ["b"]}}
    sent = copy.deepcopy(data)
    accepted = validate(tested, data)
    accepted["basic"]["value"].append("x")
    accepted["basic"]["more"].append("x")
    assert data == sent
    assert validate(tested, data) == {"name": "orders", "basic": {"value": ["a"], "more": ["b"]}}


SECRETIVE = Form(
    "Name",
    "",
    (
        Group("basic", "Basic", (Field("user", "User", "string"), Field("password", "Password", "password"))),
        Group("more", "More", (Field("token", "Token", "password"),)),
    ),
)


def test_declared_types_and_secret_paths() -> None:
    assert declared_types(SECRETIVE) == {
        ("name",): "string",
        ("basic", "user"): "string",
        ("basic", "password"): "password",
        ("more", "token"): "password",
    }
    assert secret_paths(SECRETIVE) == {("basic", "password"), ("more", "token")}


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        ({"basic": {"user": "ada", "password": "x"}}, {"basic": {"user": "ada", "password": "[secret]"}}),
        ({"basic": {"password": {"odd": 1}}}, {"basic": {"password": "[secret]"}}),
        ({"basic": {"password": None}, "more": {}}, {"basic": {"password": None}, "more": {}}),
        ({"basic": "no object"}, {"basic": "no object"}),
        ({}, {}),
    ],
)
def test_masked_values_shows_no_password(data: dict[str, Any], shown: dict[str, Any]) -> None:
    before = copy.deepcopy(data)
    assert masked_values(SECRETIVE, data) == shown
    assert data == before


def test_the_version_changes_with_anything_in_the_form() -> None:
    versions = {
        form_version(form(tested))
        for tested in (
            field(),
            field(required=True),
            field(default="x"),
            field(description="x"),
            field(validation={"maxLength": 3}),
            field("select", enum=("a", "b")),
            field("select", enum=("b", "a")),
        )
    }
    assert len(versions) == 7
    assert form_version(form(field())) == form_version(form(field()))
    assert all(len(version) == 12 for version in versions)
