"""What a template may say, and how each wrong one is told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.domain.templating import Call, Reference, TemplateSyntaxError, UnknownNamespaceError, parse
from pao.core.errors import TemplateError
from tests.catalog.domain.templating.hostile import texts, values_checked

NAME = Reference("current", ("name",), 0)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        pytest.param("", (), id="nothing"),
        pytest.param("plain", ("plain",), id="no reference"),
        pytest.param("{{.current.name}}", (NAME,), id="a lone reference"),
        pytest.param("{{  .current.name\t}}", (NAME,), id="white space inside (R17)"),
        pytest.param("{{\n.current.name\n}}", (NAME,), id="line ends inside, as folded YAML makes them"),
        pytest.param("a{{.current.name}}b", ("a", Reference("current", ("name",), 1), "b"), id="text around"),
        pytest.param(
            "{{.metadata.database-aurora-postgresql-standard.defaultPort}}",
            (Reference("metadata", ("database-aurora-postgresql-standard", "defaultPort"), 0),),
            id="hyphens in a catalog id (R1)",
        ),
        pytest.param('a{{"{{"}}b', ("a{{b",), id="literal braces (R18)"),
        pytest.param('{{ "{{" }}.x}}', ("{{.x}}",), id="literal braces are not read again"),
        pytest.param('{"a":{"b":1}}', ('{"a":{"b":1}}',), id="closing braces are text"),
        pytest.param(
            '{"a":{"b":{{.current.name}}}}',
            ('{"a":{"b":', Reference("current", ("name",), 10), "}}"),
            id="closing braces of JSON after a reference",
        ),
        pytest.param(
            '{{.current.name|default "x \\"}}\\" \\\\ \\n"|upper}}',
            (Reference("current", ("name",), 0, (Call("default", ('x "}}" \\ \n',)), Call("upper"))),),
            id="a pipeline with a text of braces and escapes",
        ),
        pytest.param(
            "{{.current.name | default 5}}",
            (Reference("current", ("name",), 0, (Call("default", (5,)),)),),
            id="a whole number",
        ),
        pytest.param(
            "{{.current.name | default -0.5}}",
            (Reference("current", ("name",), 0, (Call("default", (-0.5,)),)),),
            id="a fraction",
        ),
        pytest.param(
            "{{.current.name | default true}}",
            (Reference("current", ("name",), 0, (Call("default", (True,)),)),),
            id="a boolean",
        ),
    ],
)
def test_a_template_is_read(text: str, parts: tuple[str | Reference, ...]) -> None:
    template = parse(text)
    assert template.text == text
    assert template.parts == parts
    assert template.references == tuple(part for part in parts if isinstance(part, Reference))


@pytest.mark.parametrize(
    ("text", "offset", "words"),
    [
        # R19: a namespace alone is no value
        ("ab{{.current}}", 2, "names a whole namespace"),
        # R18: braces that open no reference
        ("{{", 0, "no reference follows"),
        ("{{}}", 0, "no reference follows"),
        ("{{.}}", 0, "no reference follows"),
        ("{{field.name}}", 0, "no reference follows"),
        ("{{current.name}}", 0, "no reference follows"),
        ("{{{.current.name}}}", 0, "no reference follows"),
        ("{{- .current.name -}}", 0, "no reference follows"),
        ("{{range .current.items}}", 0, "no reference follows"),
        ("{{ 1 + 1 }}", 0, "no reference follows"),
        ("{{.current.name", 0, "there is no }}"),
        ("{{.current.name}", 0, "there is no }}, but }"),
        ("{{.current.name.}}", 0, "there is no }}, but ."),
        ("{{.current.name other}}", 0, "there is no }}, but o"),
        # B46: no attribute walks, indices, calls
        ("{{.current.__class__}}", 0, "names a whole namespace"),
        ("{{.current.name.__class__}}", 0, "there is no }}"),
        ("{{.current.my_field}}", 0, "there is no }}, but _"),
        ("{{.current.items[0]}}", 0, "there is no }}, but ["),
        ("{{.current.name()}}", 0, "there is no }}, but ("),
        ("{{.current.náme}}", 0, "there is no }}, but á"),
        # pipelines
        ("{{.current.name |}}", 0, "no function follows"),
        ("{{.current.name | uper}}", 0, "unknown function uper (did you mean upper?)"),
        ("{{.current.name | upper 1}}", 0, "upper takes 0 arguments, not 1"),
        ('{{.current.name | replace "a"}}', 0, "replace takes 2 arguments, not 1"),
        ("{{.current.name | join 1}}", 0, "join wants text in double quotes as argument 1"),
        ("{{.current.name | truncate 0}}", 0, "truncate wants a whole number above 0"),
        ("{{.current.name | truncate true}}", 0, "truncate wants a whole number above 0"),
        ('{{.current.name | date "%Q"}}', 0, "date does not know %Q"),
        ('{{.current.name | date "%"}}', 0, "date does not know %"),
        ("{{.current.name | default 'x'}}", 0, "an argument is"),
        ("{{.current.name | default .current.other}}", 0, "an argument is"),
        ('{{.current.name | default "x}}', 0, "an argument is"),
        ("{{.current.name | default 1e5}}", 0, "an argument is"),
        ("{{.current.name" + " | upper" * 17 + "}}", 0, "16 functions at most"),
        ("{{.current" + ".a" * 16 + "}}", 0, "16 segments at most"),
    ],
)
def test_what_is_no_reference_is_told_with_its_place(text: str, offset: int, words: str) -> None:
    with pytest.raises(TemplateSyntaxError) as caught:
        parse(text)
    assert caught.value.offset == offset
    assert words in caught.value.message
    assert not isinstance(caught.value, UnknownNamespaceError)


@pytest.mark.parametrize("text", ["{{.curent.name}}", "{{.env.HOME}}", "{{.Current.name}}", "{{.secrets}}"])
def test_another_namespace_has_its_own_error(text: str) -> None:
    with pytest.raises(UnknownNamespaceError, match="there are current, output, metadata, system") as caught:
        parse(text)
    assert caught.value.offset == 0


def test_a_wrong_template_is_a_template_error_to_whoever_renders() -> None:
    assert issubclass(UnknownNamespaceError, TemplateSyntaxError)
    assert issubclass(TemplateSyntaxError, TemplateError)


def test_a_template_is_parsed_once() -> None:
    assert parse("once {{.current.name}}") is parse("once {{.current.name}}")


def test_a_lone_reference_is_known() -> None:
    assert parse("{{.current.name}}").lone == NAME
    assert parse("{{.current.name}} ").lone is None
    assert parse("text").lone is None


@values_checked(500)
@given(texts | st.text(alphabet='{}.|" \\currentx19-', max_size=40))
def test_any_text_is_a_template_or_a_told_error(text: str) -> None:
    try:
        template = parse(text)
    except TemplateSyntaxError as refusal:
        template = None
        assert 0 <= refusal.offset < len(text)  # noqa: PT017 - both ends of the property, not an expected failure
        assert text.startswith("{{", refusal.offset)  # noqa: PT017 - as above
    if template is not None and "{{" not in text:
        assert template.parts == ((text,) if text else ())
