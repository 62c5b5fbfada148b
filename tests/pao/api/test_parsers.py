"""The strict reader of bodies: B27 to B32."""

import json
from io import BytesIO
from typing import Any

import pytest
from django.http import HttpRequest
from hypothesis import given
from hypothesis import strategies as st

from pao.api.parsers import MAX_BYTES, MAX_DEPTH, MAX_INTEGER, StrictJsonParser, parse_object
from pao.core.errors import MalformedJson, PayloadTooLarge, UnsupportedMediaType


def nested(depth: int) -> bytes:
    """Return an object whose innermost list lies `depth` levels deep."""
    return b'{"a":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


@pytest.mark.parametrize(
    ("raw", "code", "field", "pointer"),
    [
        (b'{"a": "x\\u0000y"}', "INVALID_CHARACTER", "a", "/a"),  # B27
        (b'{"a\\u0000": 1}', "INVALID_CHARACTER", "", ""),
        (b'{"a": ["\\ud800"]}', "INVALID_CHARACTER", "a.0", "/a/0"),  # B28
        (b'{"a": {"x/~y": "\\udfff!"}}', "INVALID_CHARACTER", "a.x/~y", "/a/x~1~0y"),
        (b'{"\\ud800": 1, "\\ud800": 2}', "DUPLICATE_KEY", "\ud800", ""),
        (nested(MAX_DEPTH + 1), "TOO_DEEP", "a" + ".0" * (MAX_DEPTH - 1), ""),  # B29
        (b'{"a":' + b"[" * 100_000, "TOO_DEEP", "", ""),
        (b'{"a":' * 100_000, "TOO_DEEP", "", ""),
        (b'{"a": 1, "a": 2}', "DUPLICATE_KEY", "a", ""),  # B30
        (b'{"b": {"a": 1, "\\u0061": 1}}', "DUPLICATE_KEY", "a", ""),  # the same name, spelt differently
        (b'{"a": NaN}', "INVALID_NUMBER", "", ""),  # B31
        (b'{"a": -Infinity}', "INVALID_NUMBER", "", ""),
        (b'{"a": 1e400}', "INVALID_NUMBER", "", ""),
        (b'{"a": 9007199254740992}', "INVALID_NUMBER", "", ""),
        (b'{"a": ' + b"9" * 5000 + b"}", "INVALID_NUMBER", "", ""),
        (b'{"a": 0.' + b"1" * 5000 + b"}", "INVALID_NUMBER", "", ""),
        (b'\xef\xbb\xbf{"a": 1}', "BYTE_ORDER_MARK", "", ""),
        (b'{"a": "\xff"}', "NOT_UTF8", "", ""),
        (b'{"a": "\xed\xa0\x80"}', "NOT_UTF8", "", ""),  # a surrogate in UTF-8's clothes
        ('{"a": 1}'.encode("utf-16"), "NOT_UTF8", "", ""),
        (b"", "SYNTAX", "", ""),
        (b'{"a": 1,}', "SYNTAX", "", ""),
        (b"{'a': 1}", "SYNTAX", "", ""),
        (b'{"a": 01}', "SYNTAX", "", ""),
        (b'{"a": "line\nbreak"}', "SYNTAX", "", ""),
        (b'{"a": 1} {"a": 2}', "SYNTAX", "", ""),
        (b"[1]", "NOT_AN_OBJECT", "", ""),
        (b"null", "NOT_AN_OBJECT", "", ""),
    ],
    ids=lambda value: repr(value[:30]) if isinstance(value, bytes) else None,
)
def test_what_two_readers_could_read_differently_is_refused(raw: bytes, code: str, field: str, pointer: str) -> None:
    with pytest.raises(MalformedJson) as caught:
        parse_object(raw)
    (detail,) = caught.value.details
    assert (detail.code, detail.field, detail.pointer) == (code, field, pointer)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b" {} \n", {}),
        (nested(MAX_DEPTH), None),
        (b'{"a": 9007199254740991, "b": -9007199254740991}', {"a": MAX_INTEGER, "b": -MAX_INTEGER}),
        (b'{"a": "\\ud83d\\ude00"}', {"a": "\U0001f600"}),  # a whole pair is one character
        (b'{"a": 1, "b": {"a": 2}}', {"a": 1, "b": {"a": 2}}),  # the same name at another level
        (b'{"a": 1e308, "b": 1E2, "c": -0.5}', {"a": 1e308, "b": 100.0, "c": -0.5}),
    ],
)
def test_good_objects_are_read(raw: bytes, expected: Any) -> None:
    parsed = parse_object(raw)
    assert expected is None or parsed == expected


def test_the_limit_of_size_is_exact() -> None:
    frame = len(b'{"a":""}')
    assert parse_object(b'{"a":"' + b"x" * (MAX_BYTES - frame) + b'"}')
    with pytest.raises(PayloadTooLarge):
        parse_object(b'{"a":"' + b"x" * (MAX_BYTES - frame + 1) + b'"}')


def test_a_hostile_body_does_not_swell_the_answer() -> None:
    with pytest.raises(MalformedJson) as caught:
        parse_object(json.dumps({"k" * 500_000: "\x00"}).encode())
    assert len(str(caught.value.details)) < 1000


@pytest.mark.parametrize("charset", ["latin-1", "utf-16", "utf-7", "bz2_codec", "nonsense"])
def test_other_charsets_are_refused(charset: str) -> None:
    with pytest.raises(UnsupportedMediaType):
        StrictJsonParser().parse(BytesIO(b"{}"), f"application/json; charset={charset}")


@pytest.mark.parametrize(
    "media_type", ["application/json", "application/json; charset=UTF-8", 'application/json;charset="utf-8"']
)
def test_utf8_may_be_named(media_type: str) -> None:
    assert StrictJsonParser().parse(BytesIO(b'{"a": 1}'), media_type) == {"a": 1}


def test_a_body_that_breaks_off_is_refused_though_it_parses() -> None:
    request = HttpRequest()
    request.META["CONTENT_LENGTH"] = "100"
    with pytest.raises(MalformedJson, match="ended after 8 of 100 bytes"):
        StrictJsonParser().parse(BytesIO(b'{"a": 1}'), "application/json", {"request": request})


TEXTS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=20)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-MAX_INTEGER, MAX_INTEGER)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(TEXTS, VALUES, max_size=5))
def test_every_clean_object_is_read_as_it_was_written(document: dict[str, Any]) -> None:
    assert parse_object(json.dumps(document).encode()) == document
    assert parse_object(json.dumps(document, ensure_ascii=False).encode()) == document


@given(st.binary(max_size=200) | st.text(alphabet='{}[]":,\\u0d8ea1-.e ', max_size=60).map(str.encode))
def test_garbage_is_read_or_refused_and_nothing_else(raw: bytes) -> None:
    try:
        document = parse_object(raw)
    except MalformedJson:
        return
    assert json.loads(raw) == document
