"""A value never changes the structure of a file, a name in a repository or a message: the properties of test_structure
for the places that actions outside of JIRA and REST have.
"""

import json
import re
from typing import Any

import pytest
from hypothesis import given

from catalog.domain.templating import (
    parse,
    render_address,
    render_git_path,
    render_git_ref,
    render_hcl,
    render_lines,
    render_markdown,
    render_slack,
    render_workspace,
    render_yaml,
)
from catalog.domain.templating.values import text_of, well_formed, without_controls
from pao.core.errors import TemplateError
from tests.catalog.domain.templating.hostile import handful_of_texts, handful_of_values, values_checked
from tests.catalog.domain.templating.readers import HclExpression, hcl_text, yaml_1_1, yaml_1_2
from tests.catalog.domain.templating.test_structure import AROUND, as_sent, scope

YAML = parse("""\
# for {{.current.v}}
bare: {{.current.v}}
whole: "{{.current.v}}"
single: 'it''s {{.current.v}}'
part: x-{{.current.v}}
flow: [{{.current.v}}, "<{{.current.v}}>", {k: {{.current.v}}}]
key-{{.current.v}}: 1
block: |
  a {{.current.v}} b
  end
list:
- >-
  a
  {{.current.v}}
last: true
""")
HCL = parse("""\
# for {{.current.v}}
/* for {{.current.v}} */
bare = {{.current.v}}
list = [{{.current.v}}, 1]
text = "${{.current.v}}{x} %{{.current.v}}"
inner = "${ {{.current.v}} }"
here = <<-EOF
  a ${{.current.v}}
  EOF
last = true
""")
PATH = parse("catalog/{{.current.v}}/x{{.current.v}}.yaml")
REF = parse("pao/{{.current.v}}/x{{.current.v}}")
WORKSPACE = parse("w-{{.current.v}}")
ADDRESS = parse("{{.current.v}}@example.com")


def plain(value: Any) -> str:
    """Return a value as the part of a text: as text, objects as JSON."""
    return well_formed(json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else text_of(value))


@values_checked(60)
@given(handful_of_values)
def test_a_value_arrives_in_yaml_by_the_rules_of_both_versions(drawn: list[Any]) -> None:
    for value in drawn:
        if value is None:
            continue  # a missing value is the business of test_yaml_body
        text, bare = plain(value), as_sent(value)
        body = render_yaml(YAML, scope(value))
        expected = {
            "bare": bare,
            "whole": bare if isinstance(value, list | dict) else text,
            "single": f"it's {text}",
            "part": f"x-{text}",
            "flow": [bare, f"<{text}>", {"k": bare}],
            f"key-{text}": 1,
            "block": f"a {text} b\nend\n",
            "list": [f"a {text}"],
            "last": True,
        }
        assert repr(yaml_1_1(body)) == repr(yaml_1_2(body)) == repr(expected)


@values_checked(60)
@given(handful_of_values)
def test_a_value_arrives_in_hcl_and_opens_no_expression(drawn: list[Any]) -> None:
    for value in drawn:
        text = plain(value)
        lines = render_hcl(HCL, scope(value)).split("\n")
        assert [line[:4] for line in lines] == [
            "# fo", "/* f", "bare", "list", "text", "inne", "here", "  a ", "  EO", "last", ""
        ]  # fmt: skip
        assert lines[1].count("*/") == 1
        assert lines[1].endswith("*/")
        assert HclExpression(lines[2].removeprefix("bare = ")).value() == as_sent(value)
        assert HclExpression(lines[3].removeprefix("list = ")).value() == [as_sent(value), 1]
        assert hcl_text(lines[4].removeprefix('text = "').removesuffix('"')) == f"${text}{{x}} %{text}"
        assert HclExpression(lines[5].removeprefix('inner = "${ ').removesuffix(' }"')).value() == as_sent(value)
        here = lines[7].removeprefix('  a ${"$"}${').removesuffix("}")
        assert HclExpression(here).value() == text
        assert lines[8:] == ["  EOF", "last = true", ""]


@values_checked(60)
@given(handful_of_texts)
def test_a_value_is_one_part_of_a_path_or_refused(drawn: list[str]) -> None:
    for value in drawn:
        try:
            path = render_git_path(PATH, scope(value))
        except TemplateError:
            assert not value.isalnum() or not value.isascii()  # what is harmless is not refused
            continue
        assert path.split("/") == ["catalog", well_formed(value), f"x{well_formed(value)}.yaml"]
        assert not value.startswith((".", "-"))
        assert "\\" not in path
        assert path.isprintable()


@values_checked(60)
@given(handful_of_texts)
def test_a_value_is_one_part_of_a_branchs_name_or_refused(drawn: list[str]) -> None:
    for value in drawn:
        try:
            name = render_git_ref(REF, scope(value))
        except TemplateError:
            assert not value.isalnum() or not value.isascii()  # what is harmless is not refused
            continue
        assert name.split("/") == ["pao", well_formed(value), f"x{well_formed(value)}"]
        # git check-ref-format
        assert not re.search(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|\.lock(/|$)|\.$|(^|/)\.|//|^-", name)


@values_checked(60)
@given(handful_of_texts)
def test_a_workspace_is_a_word_or_refused(drawn: list[str]) -> None:
    for value in drawn:
        if re.fullmatch(r"[A-Za-z0-9_-]{1,88}", value):
            assert render_workspace(WORKSPACE, scope(value)) == f"w-{value}"
        else:
            with pytest.raises(TemplateError):
                render_workspace(WORKSPACE, scope(value))


@values_checked(60)
@given(handful_of_values)
def test_the_lines_of_a_message_are_the_authors(drawn: list[Any]) -> None:
    template = parse("Make {{.current.v}}\n\n{{.current.v}} and\nTrailer: {{.current.v}}.")
    for value in drawn:
        lines = render_lines(template, scope(value)).splitlines()
        assert [line[:4] for line in (lines[0], lines[1], lines[3])] == ["Make", "", "Trai"]
        assert len(lines) == 4


@values_checked(60)
@given(handful_of_values)
def test_in_markdown_a_value_is_one_span_of_code(drawn: list[Any]) -> None:
    for value in drawn:
        text = render_markdown(AROUND, scope(value))
        line = " ".join(without_controls(" ".join(text_of(value).split())).split())
        assert "\n" not in text
        if not line:
            assert text == "before  between  after"
            continue
        # CommonMark: a span begins with a run of ticks and ends with the next run of the same length
        found = re.fullmatch(r"before (`+)(?!`)(.*?)(?<!`)\1(?!`) between (`+)(?!`)(.*?)(?<!`)\3(?!`) after", text)
        assert found
        inside = found[2][1:-1] if found[2][0] == found[2][-1] == " " and found[2].strip() else found[2]
        assert inside == line


@values_checked(60)
@given(handful_of_values)
def test_in_slack_a_value_opens_no_link(drawn: list[Any]) -> None:
    for value in drawn:
        text = render_slack(AROUND, scope(value))
        assert not set(text) & set("<>")
        wanted = without_controls(text_of(value))
        assert text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") == (
            f"before {wanted} between {wanted} after"
        )


@values_checked(60)
@given(handful_of_texts)
def test_an_address_is_one_or_refused(drawn: list[str]) -> None:
    for value in drawn:
        try:
            address = render_address(ADDRESS, scope(value))
        except TemplateError:
            assert not value.isalnum() or not value.isascii()  # what is harmless is not refused
            continue
        assert re.fullmatch(r"[!-~]+@example\.com", address)
        assert not set(address) & set(' ,;<>()"[]\\')
        assert address.count("@") == 1
