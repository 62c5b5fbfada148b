"""What a reference points at, and what is never shown of it."""

from typing import Any

import pytest

from catalog.domain.templating import (
    MISSING,
    Reference,
    Scope,
    masked,
    parse,
    render_json,
    render_label,
    render_line,
    render_rich,
    render_text,
    render_url,
    render_value,
)
from pao.core.errors import TemplateError

SCOPE = Scope(
    current={"name": "orders", "basic": {"size": 2, "password": "hunter2", "none": None, "tags": ["a"]}},
    output={"token": "tok-123", "url": "https://x.example", "box": {"inner": "deep-456"}},
    metadata={"compute-eks": {"region": "eu"}},
    system={"requestId": "r1", "platform": {"account": "42", "apiKey": "key-789"}},
    secret_paths=frozenset({("current", "basic", "password"), ("output", "token"), ("output", "box")}),
)
SECRETS = ("hunter2", "tok-123", "deep-456", "key-789")


def reference(path: str) -> Reference:
    return parse(f"{{{{.{path}}}}}").references[0]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("current.name", "orders"),
        ("current.basic.size", 2),
        ("current.basic.tags", ["a"]),
        ("metadata.compute-eks.region", "eu"),
        ("system.platform.account", "42"),
        # R23: an unknown path inside a known namespace is missing; so is null (B57)
        ("current.other", MISSING),
        ("current.basic.none", MISSING),
        ("current.basic.none.deeper", MISSING),
        ("output.gone.deeper", MISSING),
        # nothing but mappings is stepped into: no attributes, no items of a list
        ("current.name.upper", MISSING),
        ("current.basic.tags.append", MISSING),
        ("current.items", MISSING),
    ],
)
def test_a_reference_resolves(path: str, value: Any) -> None:
    assert SCOPE.resolve(reference(path)) == value


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("{{.current.basic.password}}", "[secret]"),
        ("{{.output.token}}", "[secret]"),
        ("{{.output.box.inner}}", "[secret]"),
        ("{{.system.platform.apiKey}}", "[secret]"),
        # what is derived from a secret is as secret (B60)
        ("{{.output.token | b64encode | upper | truncate 2}}", "[secret]"),
        # an object that holds a secret is shown without it
        ("{{.system.platform}}", "account=42, apiKey=[secret]"),
        ("{{.system.platform | json}}", '{"account": "42", "apiKey": "[secret]"}'),
        ("{{.current.basic.size}}", "2"),
        ("{{.current.basic.passwords}}", ""),
    ],
)
def test_a_masked_scope_shows_no_secret(text: str, shown: str) -> None:
    assert render_text(parse(text), masked(SCOPE)) == shown


def test_a_missing_secret_is_missing_and_not_a_mask() -> None:
    scope = masked(Scope(secret_paths=frozenset({("output", "token")})))
    assert render_text(parse('<{{.output.token | default "none yet"}}>'), scope) == "<none yet>"


def test_masking_leaves_the_scope_as_it_was() -> None:
    render_text(parse("{{.system.platform}}{{.current.basic}}"), masked(SCOPE))
    assert SCOPE.system["platform"]["apiKey"] == "key-789"
    assert SCOPE.current["basic"]["password"] == "hunter2"
    assert masked(masked(SCOPE)) == masked(SCOPE)


def test_a_body_may_carry_a_secret() -> None:
    template = parse('{"p": "{{.current.basic.password}}", "t": {{.output.token}}}')
    assert render_json(template, SCOPE) == '{"p": "hunter2", "t": "tok-123"}'
    assert render_json(template, masked(SCOPE)) == '{"p": "[secret]", "t": "[secret]"}'


EVERYTHING = parse(
    "{{.current.basic}} {{.current.basic.password}} {{.output.token}} {{.output.box.inner}} {{.system.platform}} "
    "{{.output.token | b64encode}}"
)


def test_a_ticket_never_shows_a_secret_even_unmasked() -> None:
    line, label = render_line(EVERYTHING, SCOPE), render_label(EVERYTHING, SCOPE)
    rich = "".join(run.text for run in render_rich(EVERYTHING, SCOPE))
    for secret in SECRETS:
        assert secret not in line + label + rich
    assert "[secret]" in line
    assert "[secret]" in rich


@pytest.mark.parametrize("path", ["output.token", "system.platform.apiKey", "system.platform", "output.box.inner"])
def test_a_url_takes_no_secret(path: str) -> None:
    for template in (f"https://h.example/{{{{.{path}}}}}", f"https://h.example/?token={{{{.{path}}}}}"):
        with pytest.raises(TemplateError, match="a secret may not stand in a URL") as caught:
            render_url(parse(template), SCOPE)
        assert not any(secret in str(vars(caught.value)) for secret in SECRETS)


def test_an_error_names_the_reference_and_never_the_secret() -> None:
    with pytest.raises(TemplateError) as caught:
        render_value(parse("{{.output.token | date}}"), SCOPE)
    assert "tok-123" not in str(vars(caught.value))
    assert caught.value.facts["reference"] == ".output.token"
