"""Answers are read without trusting them."""

import pytest
import time_machine

from pao.clients.answers import Answer, parse_json, retry_after_seconds


def _answer(body: bytes, content_type: str = "application/json", problem: str = "") -> Answer:
    return Answer(200, {"content-type": content_type}, body, 1, problem)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": [1, 2.5, null, true]}', {"a": [1, 2.5, None, True]}),
        ('"nul \\u0000 and \\ud800 alone"', "nul \ufffd and \ufffd alone"),
        ('{"k\\u0000": 1}', {"k\ufffd": 1}),
        ('"\\ud83d\\ude00"', "\U0001f600"),
    ],
)
def test_json_becomes_what_a_database_can_store(text: str, value: object) -> None:
    assert parse_json(text) == value


@pytest.mark.parametrize("text", ["", "{", "NaN", "[Infinity]", "1e400", "9" * 5000, "[" * 100_000, "<html>"])
def test_other_text_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        parse_json(text)


def test_an_incomplete_body_is_never_json() -> None:
    cut = _answer(b"{}", problem="the answer broke off")
    assert not cut.complete
    with pytest.raises(ValueError, match="broke off"):
        cut.json()


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        ("grün".encode(), "text/plain", "grün"),
        ("grün".encode("latin-1"), "text/plain; charset=iso-8859-1", "grün"),
        (b"\xef\xbb\xbf{}", "application/json", "{}"),
        ("grün".encode(), "text/plain; charset=klingon", "grün"),
        ("grün".encode(), "text/plain; charset=undefined", "grün"),  # a codec that decodes nothing
        (b"a\x00b", "text/plain", "a\ufffdb"),
    ],
)
def test_text(body: bytes, content_type: str, text: str) -> None:
    assert _answer(body, content_type).text() == text


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        (" 0 ", 0.0),
        ("Wed, 01 Jan 2025 00:01:00 GMT", 60.0),
        ("Wed, 01 Jan 2025 00:01:00", 60.0),
        ("Tue, 31 Dec 2024 00:00:00 GMT", 0.0),
        ("-5", None),
        ("soon", None),
        ("Wed, 01 Jan 2025 00:01:00 +99999999999999", None),  # an offset beyond what a date can hold
        ("Wed, 01 Jan 0001 00:01:00 +2359", 0.0),
        ("", None),
    ],
)
def test_retry_after(value: str, seconds: float | None) -> None:
    with time_machine.travel("2025-01-01T00:00:00Z", tick=False):
        assert retry_after_seconds({"retry-after": value}) == seconds


def test_no_retry_after() -> None:
    assert retry_after_seconds({}) is None
