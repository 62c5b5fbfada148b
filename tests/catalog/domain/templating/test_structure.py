"""A value never changes the structure of what it is put into: properties over every place (B44, B45, B49, B50, B55).

Hypothesis draws some 500 values for each; with test_million and test_structure_of_files that is more than 28,000, and a
million in the long run.
"""

import json
import unicodedata
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given

from catalog.domain.templating import (
    Scope,
    parse,
    render_header,
    render_json,
    render_label,
    render_line,
    render_rich,
    render_text,
    render_url,
    render_value,
)
from catalog.domain.templating.values import text_of, well_formed
from pao.core.errors import TemplateError
from tests.catalog.domain.templating.hostile import handful_of_texts, handful_of_values, values_checked

JSON_BODY = parse(
    '{"bare": {{.current.v}}, "whole": "{{.current.v}}", "part": "<{{.current.v}}|{{.current.v}}>",'
    ' "list": [{{.current.v}}, "{{.current.v}}"], "name-{{.current.v}}": 1, "last": true}'
)
URL = parse("https://api.example.com:8443/v1/{{.current.v}}/x-{{.current.v}}?a={{.current.v}}&b=2")
AROUND = parse("before {{.current.v}} between {{.current.v}} after")


def scope(value: Any) -> Scope:
    return Scope(current={"v": value}, system={"platform": {"apiKey": "canary"}})


def as_sent(value: Any) -> Any:
    """Return the value as JSON carries it: lone surrogates cannot be sent at all."""
    return json.loads(well_formed(json.dumps(value, ensure_ascii=False)))


@values_checked(60)
@given(handful_of_values)
def test_a_value_arrives_in_json_and_the_body_keeps_its_members(drawn: list[Any]) -> None:
    for value in drawn:
        if value is None:
            continue  # a missing value is the business of the table in test_json_body
        text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else text_of(value)
        whole = as_sent(value) if isinstance(value, list | dict) else text_of(value)
        bare = as_sent(value)
        assert json.loads(render_json(JSON_BODY, scope(value))) == {
            "bare": bare,
            "whole": whole,
            "part": well_formed(f"<{text}|{text}>"),
            "list": [bare, whole],
            well_formed(f"name-{text}"): 1,
            "last": True,
        }


@values_checked(60)
@given(handful_of_values)
def test_a_value_stays_one_segment_of_a_path_and_one_value_of_a_query(drawn: list[Any]) -> None:
    for value in drawn:
        text = text_of(value)
        if text in ("", ".", ".."):
            continue
        url = urlsplit(render_url(URL, scope(value)))
        assert (url.scheme, url.netloc, url.fragment) == ("https", "api.example.com:8443", "")
        assert [unquote(segment) for segment in url.path.split("/")] == ["", "v1", text, f"x-{text}"]
        assert parse_qsl(url.query, keep_blank_values=True, errors="strict") == [("a", text), ("b", "2")]


@values_checked(60)
@given(handful_of_values)
def test_plain_text_is_the_authors_text_around_the_value(drawn: list[Any]) -> None:
    for value in drawn:
        text = text_of(value)
        assert render_text(AROUND, scope(value)) == f"before {text} between {text} after"


@values_checked(60)
@given(handful_of_values)
def test_a_summary_is_one_short_line(drawn: list[Any]) -> None:
    for value in drawn:
        line = render_line(AROUND, scope(value))
        assert line.startswith("before ")
        assert line == " ".join(line.split())
        assert len(line.encode("utf-16-le")) // 2 <= 255
        assert not any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in line)


@values_checked(60)
@given(handful_of_values)
def test_in_rich_text_only_the_authors_words_are_trusted(drawn: list[Any]) -> None:
    for value in drawn:
        runs = render_rich(AROUND, scope(value))
        trusted = "".join(run.text for run in runs if run.trusted)
        assert trusted == "before  between  after"
        assert all(run.code == isinstance(value, dict) for run in runs if not run.trusted)
        assert not any(
            unicodedata.category(character) in ("Cc", "Cs") and character not in "\n\t"
            for run in runs
            for character in run.text
        )


@values_checked(60)
@given(handful_of_texts)
def test_a_header_is_one_line_of_latin_1_or_refused(drawn: list[str]) -> None:
    for value in drawn:
        is_writable = all(sign == "\t" or " " <= sign <= "~" or "\xa0" <= sign <= "\xff" for sign in value)
        if is_writable:
            assert render_header(AROUND, scope(value)) == f"before {value} between {value} after"
            continue
        with pytest.raises(TemplateError, match=r"^\{\{\.current\.v\}\}: a header takes no line end"):
            render_header(AROUND, scope(value))


@values_checked(60)
@given(handful_of_texts)
def test_a_label_has_no_white_space(drawn: list[str]) -> None:
    for value in drawn:
        label = render_label(AROUND, scope(value))
        assert label.startswith("before-")
        assert label.split() == [label]
        assert len(label) <= 255
        assert not set(label) & set("\"\\{}[]|!~<>'`,;?&%$*")


@values_checked(60)
@given(handful_of_values)
def test_a_lone_reference_is_the_value_itself(drawn: list[Any]) -> None:
    for value in drawn:
        if value is not None:
            assert render_value(parse("{{.current.v}}"), scope(value)) is value
