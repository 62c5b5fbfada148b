"""Generated forms with generated data, right, nearly right and hostile, and what the schema of a form cannot say."""

from dataclasses import replace
from decimal import Decimal
from typing import Any, NamedTuple, TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from catalog.domain.documents import FIELD_TYPES, Field, FieldType, Form, Group
from catalog.domain.forms import validate
from catalog.domain.forms.limits import number
from pao.core.errors import Detail, ValidationFailed
from tests.catalog.domain.templating import hostile

Rules = SearchStrategy[dict[str, Any]]


class Dialect(NamedTuple):
    """Texts and patterns that a reader of schemas takes as the server does."""

    texts: SearchStrategy[str]
    patterns: tuple[str, ...]


_PATTERNS = ("[a-b]+", "^a.*$", "^a|b$", "a?", "^[a-z0-9.-]+$", "[^@]{2}|é+")
# In Python `$` lets a last line feed pass, `\w` takes letters of every script, and a lone surrogate is matched.
PYTHON = Dialect(st.text("ab1-._@ é😀/", max_size=6), _PATTERNS)
ECMASCRIPT = Dialect(
    st.text("ab1_- é٣😀\n\r\t\v\x85\u00a0\u2028", max_size=6) | hostile.texts,
    (
        *_PATTERNS, r"\w+", r"\W*", r"\d{1,3}", r"\D+", r"\s*", r"\S+", r"a\sb", r"[\s.]+", r"[^\s]+",
        r"[\s\S]*", r"[^\Sa]+", r"\ba.*", ".+", r"\.", "a$",
    ),
)  # fmt: skip
# One character on which engines differ: ends of lines, white space, other scripts.
_ODD = st.sampled_from("\r\n\v\f\x85\u00a0\u2028\ufeff\u0663\u00e9\u017f_ -")
_DAYS = st.dates().map(str) | st.sampled_from(["2026-02-30", "2023-02-29", "2026-1-1", "", "x"])
_EMAILS = st.sampled_from(["a@b.co", "A.b+c@c.d.org", "@", "a@b", "a@-b.co", "a@b.co.", "a b@c.de", ".a@b.co"])
_CHOICES: tuple[Any, ...] = ("a", 1, 2.5, True, 0, "", "1")
_NUMBERS = st.integers(-5, 25) | st.integers(-80, 400).map(lambda part: part / 16) | st.integers(-(2**54), 2**54)
_LENGTHS = st.sampled_from([("minLength", "maxLength"), ("min", "max")]).flatmap(
    lambda names: st.fixed_dictionaries({}, optional={names[0]: st.integers(0, 3), names[1]: st.integers(3, 5)})
)


def rules(dialect: Dialect) -> dict[FieldType, Rules]:
    """Return, by field type, mappings with every validation key that the type knows."""
    pattern = st.fixed_dictionaries({}, optional={"pattern": st.sampled_from(dialect.patterns)})
    strength = st.fixed_dictionaries({}, optional={"strength": st.sampled_from(["weak", "medium", "strong"])})
    only_lengths = st.fixed_dictionaries({}, optional={"minLength": st.integers(0, 3), "maxLength": st.integers(3, 20)})
    return {
        "string": _merged(_LENGTHS, pattern),
        "textarea": _LENGTHS,
        "email": st.just({}) | st.just({"format": "email"}),
        "password": _merged(only_lengths, pattern, strength),
        "number": st.fixed_dictionaries(
            {},
            optional={
                "min": st.integers(-3, 3),
                "max": st.integers(3, 20) | st.just(9.5),
                "step": st.sampled_from([1, 2, 0.5, 0.25, 0.1, 0.3, 1e-9]),
            },
        ),
        "boolean": st.just({}),
        "select": st.just({}),
        "multiselect": st.fixed_dictionaries({}, optional={"min": st.integers(0, 2), "max": st.integers(2, 3)}),
        "date": st.fixed_dictionaries({}, optional={"min": st.dates().map(str), "max": st.dates().map(str)}),
        "file": st.fixed_dictionaries(
            {},
            optional={"maxSize": st.integers(0, 20), "accept": st.sampled_from([[".a"], ["image/*"], ["text/plain"]])},
        )
        | st.just({"types": "text/plain,.b"}),
    }


def _merged(*parts: Rules) -> Rules:
    return st.tuples(*parts).map(lambda drawn: {key: value for part in drawn for key, value in part.items()})


def _files(dialect: Dialect) -> SearchStrategy[dict[str, Any]]:
    members: dict[str, SearchStrategy[Any]] = {
        "fileId": st.uuids().map(str) | dialect.texts,
        "name": st.just("plan.a") | dialect.texts,
        "size": st.integers(-1, 25) | st.sampled_from([5.0, 5.5, True, "5"]),
        "type": st.sampled_from(["text/plain", "image/png", "x", ""]),
    }
    right = {"fileId": st.uuids().map(str), "name": st.just("plan.a"), "size": st.integers(0, 20)}
    return (
        st.fixed_dictionaries(members, optional={"extra": st.just(1)})
        | st.fixed_dictionaries({}, optional=members)
        | st.fixed_dictionaries(right | {"type": st.just("image/png")})
    )


def _with_line_feed(text: str) -> str:
    return f"{text}\n"


def _likely(field: Field, dialect: Dialect) -> SearchStrategy[Any]:
    """Return values that are often accepted, and else wrong in one thing."""
    pattern = field.validation.get("pattern")
    texts = dialect.texts
    ending = _with_line_feed if dialect is ECMASCRIPT else str
    if pattern:
        near = st.from_regex(pattern, fullmatch=True) | st.from_regex(pattern, fullmatch=True).map(
            lambda text: f"{text}\n"
        )
        texts = near if dialect is ECMASCRIPT else texts
    return {
        "string": texts | st.text("ab", max_size=6),
        "textarea": dialect.texts,
        "email": _EMAILS | _EMAILS.map(ending),
        "password": texts | st.just("abcDEF123456!"),
        "number": _NUMBERS,
        "boolean": st.booleans(),
        "select": st.sampled_from(_CHOICES),
        "multiselect": st.lists(st.sampled_from(_CHOICES), max_size=4) | st.lists(dialect.texts, max_size=4),
        "date": _DAYS | _DAYS.map(ending),
        "file": _files(dialect),
    }[field.type]


def _anything(dialect: Dialect) -> SearchStrategy[Any]:
    scalars = dialect.texts | _EMAILS | _DAYS | _NUMBERS | st.booleans() | st.none() | st.sampled_from(_CHOICES)
    return scalars | st.lists(scalars, max_size=3) | st.dictionaries(st.sampled_from(["a", "fileId"]), scalars)


_DEFAULTS: dict[FieldType, tuple[Any, ...]] = {
    "string": ("a", ""),
    "textarea": ("a",),
    "email": ("a@b.co",),
    "password": (None,),
    "number": (1, 2.5, 0),
    "boolean": (True, False),
    "select": _CHOICES,
    "multiselect": (["a"], [1, "a"], []),
    "date": ("2026-01-31",),
    "file": (None,),
}


@st.composite
def fields(draw: st.DrawFn, identifier: str, dialect: Dialect) -> Field:
    """Draw a field of any type."""
    kind = draw(st.sampled_from(FIELD_TYPES))
    has_choices = kind == "select" or (kind == "multiselect" and draw(st.booleans()))
    return Field(
        id=identifier,
        name="Value",
        type=kind,
        required=draw(st.booleans()),
        default=draw(st.none() | st.sampled_from(_DEFAULTS[kind])),
        enum=_CHOICES if has_choices else (),
        validation=draw(rules(dialect)[kind]),
    )


def conditions(leaned_on: list[tuple[str, Field]]) -> SearchStrategy[str]:
    """Return conditions over some fields, given by the id of their group and themselves."""
    paths = ["current.name", *(f"current.{group}.{field.id}" for group, field in leaned_on)]
    leaves = st.builds(str.replace, st.sampled_from(LEAVES), st.just("?"), st.sampled_from(paths))
    return st.recursive(
        leaves,
        lambda inner: (
            st.builds("({}) {} ({})".format, inner, st.sampled_from(["&&", "||"]), inner) | inner.map("!({})".format)
        ),
        max_leaves=3,
    )


LEAVES = (
    "?", "!?", "? == 'a'", "? != 'a'", "? == 1", "1 == ?", "? == true", "? != false", "? == null", "? != null",
    "? in ['a', 1, null]", "!(? in ['a', 2.5])", "'a' in ?", "? < 5", "? >= 0.5", "? == ''", "? == 'orders'",
)  # fmt: skip


@st.composite
def data_of(draw: st.DrawFn, form: Form, dialect: Dialect) -> Any:
    """Draw form data: mostly of the form's shape, with a value here and there left out, wrong or unknown."""
    data: dict[str, Any] = {"name": draw(st.just("orders") | dialect.texts) if draw(st.integers(0, 9)) else 5}
    for group in form.groups:
        members = {}
        for field in group.fields:
            luck = draw(st.integers(0, 9))
            if luck:
                members[field.id] = draw(_anything(dialect) if luck == 1 else _likely(field, dialect))
        data[group.id] = members
    match draw(st.integers(0, 19)):
        case 0:
            data["more"] = 1
        case 1:
            data[form.groups[0].id]["vaule"] = 1
        case 2:
            data[form.groups[0].id] = draw(_anything(dialect))
        case 3:
            del data[form.groups[0].id]
        case 4:
            return draw(_anything(dialect))
    return data


@st.composite
def forms_with_data(
    draw: st.DrawFn, dialect: Dialect, *, of_each: int, has_conditions: bool = False
) -> tuple[Form, list[Any]]:
    """Draw a form of a few fields in up to two groups, and some data for it."""
    leaned_on: list[tuple[str, Field]] = []
    groups: list[Group] = []
    for identifier in draw(st.sampled_from([["one"], ["one", "two"]])):
        condition = draw(conditions(leaned_on)) if has_conditions and draw(st.booleans()) else ""
        members: list[Field] = []
        for position in range(draw(st.integers(1, 3 if has_conditions else 2))):
            field = draw(fields(f"field{position}", dialect))
            if has_conditions and draw(st.booleans()):
                field = replace(field, visible_when=draw(conditions(leaned_on)))
            members.append(field)
            leaned_on.append((identifier, field))
        groups.append(Group(identifier, "Group", _turned(members, is_turned=draw(st.booleans())), condition))
    form = Form("Name", "", _turned(groups, is_turned=draw(st.booleans())))
    return form, draw(st.lists(data_of(form, dialect), min_size=of_each, max_size=of_each))


_Part = TypeVar("_Part")


def _turned(parts: list[_Part], *, is_turned: bool) -> tuple[_Part, ...]:
    return tuple(reversed(parts) if is_turned else parts)


def objections(form: Form, data: object) -> list[Detail]:
    """Return what the validator has against the data; nothing when it is accepted."""
    try:
        validate(form, data)
    except ValidationFailed as refused:
        return list(refused.details)
    return []


def is_sayable(form: Form, detail: Detail) -> bool:
    """Say whether draft-07 can express what the validator found; the list is in the docstring of `form_schema`."""
    if detail.code in {"INVALID_CHARACTER", "STRENGTH", "MASK"}:
        return False
    field = {f"{group.id}.{each.id}": each for group in form.groups for each in group.fields}.get(detail.field)
    if field is None:
        return True
    if field.type == "date":
        return detail.code not in {"MIN", "MAX"}
    if detail.code == "STEP":
        step = number(field, "step")
        return step is not None and Decimal(step) == Decimal(str(step))
    return not detail.issue.startswith("The file must be one of")
