"""Messages: what a value becomes in a commit, in Markdown, in Slack and as an address; secrets come as the mask."""

from collections.abc import Callable
from typing import Any

import pytest

from catalog.domain.templating import (
    Scope,
    Template,
    address_problem,
    parse,
    render_address,
    render_lines,
    render_markdown,
    render_slack,
)
from pao.core.errors import TemplateError

Render = Callable[[Template, Scope], str]


@pytest.mark.parametrize(
    ("render", "value", "text"),
    [
        (render_lines, "a\n\nSigned-off-by: x", "<a Signed-off-by: x>"),
        (render_lines, ["a", "b"], "<a, b>"),
        (render_markdown, "**a** [x](http://evil) @user #1", "<`**a** [x](http://evil) @user #1`>"),
        (render_markdown, "a`b", "<``a`b``>"),
        (render_markdown, "`", "<`` ` ``>"),
        (render_markdown, "a\n\n# b", "<`a # b`>"),
        (render_markdown, None, "<>"),
        (render_slack, "<!channel> & <http://evil|x>", "<&lt;!channel&gt; &amp; &lt;http://evil|x&gt;>"),
        (render_slack, "a\nb\x07", "<a\nb>"),
    ],
)
def test_a_value_in_a_message(render: Render, value: Any, text: str) -> None:
    assert render(parse("<{{.current.v}}>"), Scope(current={"v": value})) == text


@pytest.mark.parametrize(
    ("render", "template", "value", "text"),
    [
        pytest.param(render_lines, "m\n\n{{v}}", "Signed-off-by: x", "m\n\n- Signed-off-by: x", id="a trailer"),
        pytest.param(
            render_lines, "{{v}}{{v}}", "skip-checks: true", "- skip-checks: trueskip-checks: true", id="begun"
        ),
        pytest.param(render_lines, "by: {{v}}", "a: b", "by: a: b", id="no trailer: the author began the line"),
        pytest.param(render_lines, "m {{v}}", "[skip ci] [CI Skip]", "m (skip ci) (CI Skip)", id="stops a workflow"),
        pytest.param(render_lines, "m {{v}}", "Closes #12, GH-3", "m Closes # 12, GH- 3", id="closes issues"),
        pytest.param(render_lines, "m {{v}}", "@org/team a@b.example", "m @ org/team a@b.example", id="calls people"),
        pytest.param(render_markdown, "| a | {{v}} |", "x | y", "| a | `x \\| y` |", id="a cell more"),
        pytest.param(render_markdown, "a {{v}}", "x | y", "a `x | y`", id="no table, no escape"),
        pytest.param(render_markdown, "<div>\n{{v}}", "</div>@all", "<div>\n`&lt;/div>@all`", id="out of HTML"),
        pytest.param(render_markdown, "1 < 2 {{v}}", "<b>", "1 < 2 `<b>`", id="no HTML, no escape"),
    ],
)
def test_a_value_says_nothing_to_machines(render: Render, template: str, value: str, text: str) -> None:
    parsed = parse(template.replace("{{v}}", "{{.current.v}}"))
    assert render(parsed, Scope(current={"v": value})) == text


@pytest.mark.parametrize("render", [render_lines, render_markdown, render_slack])
def test_a_secret_comes_as_the_mask(render: Render) -> None:
    scope = Scope(current={"v": "swordfish"}, secret_paths=frozenset({("current", "v")}))
    assert render(parse("{{.current.v}}"), scope).strip("`") == "[secret]"


@pytest.mark.parametrize(
    ("text", "value", "address"),
    [
        ("{{.current.v}}", "a.b+c@example.com", "a.b+c@example.com"),
        (" {{.current.v}}@example.com ", "a", "a@example.com"),
        ("team@localhost", None, "team@localhost"),
    ],
)
def test_an_address(text: str, value: Any, address: str) -> None:
    assert render_address(parse(text), Scope(current={"v": value})) == address
    assert address_problem(parse(text)) is None


@pytest.mark.parametrize(
    "value",
    ["", None, "a", "a@b, c@d", "a@b\nBcc: c@d", "A <a@b>", "é@b", "a@-@b", "a@b..c", ["a@b"] * 2, "x" * 99 + "@b"],
    ids=repr,
)  # fmt: skip
def test_what_is_not_one_address_is_refused(value: Any) -> None:
    with pytest.raises(TemplateError, match="not one address"):
        render_address(parse("{{.current.v}}"), Scope(current={"v": value}))


@pytest.mark.parametrize("text", ["", "nobody", "a@b, c@d", "{{.current.v}}, c@d", "A <{{.current.v}}>"])
def test_a_template_that_never_is_one_address_is_told(text: str) -> None:
    assert "not one address" in (address_problem(parse(text)) or "")
