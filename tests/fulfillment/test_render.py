"""From the config in a document to the config an action gets: every template replaced, nothing else touched."""

from copy import deepcopy
from typing import Any

import pytest
from pytest_django import Settings

from catalog.domain.schemas import schemas
from catalog.domain.templating import Scope, context_of_file
from fulfillment.render import RENDERERS, render_action
from pao.core.errors import TemplateError
from tests.factories import rest, ticket

SCOPE = Scope(
    current={"name": "orders", "basic": {"size": 3, "note": "a\nb", "quote": 'say "hi"', "word": "swordfish"}},
    output={"url": "postgresql://db"},
    metadata={"an-item": {"port": "5432"}},
    system={"user": {"id": "dana"}},
    secret_paths=frozenset({("current", "basic", "word")}),
)


def test_a_ticket_is_rendered_and_its_suffixes_are_gone() -> None:
    config = ticket(
        summary="Make {{.current.name}}",
        descriptionTemplate="Size {{.current.basic.size}}, word {{.current.basic.word}}",
        labels=["x", "{{.current.name}}"],
        customFields={"customfield_1": "{{.output.url}}"},
    )["config"]
    rendered = render_action("jira-ticket", config, SCOPE)["ticket"]

    assert rendered["summary"] == "Make orders"
    text = "".join(run.text for run in rendered["description"])
    assert (text, [run.text for run in rendered["description"] if not run.trusted]) == (
        "Size 3, word [secret]",
        ["3", "[secret]"],
    )
    assert rendered["labels"] == ["x", "orders"]
    assert rendered["customFields"] == {"customfield_1": "postgresql://db"}
    assert (rendered["project"], rendered["issueType"]) == ("DBA", "Task")
    assert not [key for key in rendered if key.endswith("Template")]


def test_a_rest_call_is_rendered_for_each_place() -> None:
    config = rest("http://db.example/{{.current.name}}")["config"]
    config["headers"] = {"X-By": "{{.system.user.id}}"}
    config["body"]["contentTemplate"] = '{"note": "{{.current.basic.quote}}", "size": {{.current.basic.size}}}'
    rendered = render_action("rest-api", config, SCOPE)

    assert rendered["endpoint"] == {"url": "http://db.example/orders", "method": "POST"}
    assert rendered["headers"] == {"X-By": "dana"}
    assert rendered["body"] == {"type": "json", "content": '{"note": "say \\"hi\\"", "size": 3}'}


def test_the_document_is_left_as_it_is() -> None:
    """The snapshot is read by every attempt."""
    config: dict[str, Any] = ticket(labels=["{{.current.name}}"])["config"]
    before = deepcopy(config)
    render_action("jira-ticket", config, SCOPE)
    assert config == before


def test_a_value_that_cannot_be_written_in_its_place_is_refused() -> None:
    """F34."""
    config = rest()["config"]
    config["headers"] = {"X-Note": "{{.current.basic.note}}"}
    with pytest.raises(TemplateError, match=r"basic\.note"):
        render_action("rest-api", config, SCOPE)


def marks(node: Any) -> set[str]:
    """Return every context that a schema marks."""
    if isinstance(node, list):
        return set().union(*map(marks, node))
    if not isinstance(node, dict):
        return set()
    own = node.get("x-pao-template")
    return set().union({own} if isinstance(own, str) else set(), *map(marks, node.values()))


def test_every_context_of_the_schemas_has_its_renderer() -> None:
    by_path = {context_of_file(f"a.{ending}") for ending in ("json", "yaml", "yml", "tf", "tfvars", "hcl", "txt")}
    assert (marks(dict(schemas().published)) - {"by-path"}) | by_path == set(RENDERERS)


def test_a_commit_is_rendered_file_by_file() -> None:
    files = [
        {"path": f"db/{{{{.current.name}}}}.{ending}", "operation": "create", "contentTemplate": text}
        for ending, text in (
            ("json", '{"quote": "{{.current.basic.quote}}", "size": {{.current.basic.size}}}'),
            ("yaml", "quote: {{.current.basic.quote}}\nsize: {{.current.basic.size}}\n"),
            ("tf", "quote = {{.current.basic.quote}}\nsize = {{.current.basic.size}}\n"),
            ("txt", "{{.current.basic.quote}} {{.current.basic.size}}"),
        )
    ]
    config = {"repository": "a/b", "branch": "pao/{{.current.name}}", "commitMessage": "{{.current.basic.note}}"}
    rendered = render_action("git-commit", config | {"files": files}, SCOPE)

    assert (rendered["branch"], rendered["commitMessage"]) == ("pao/orders", "a b")
    assert [(file["path"], file["content"]) for file in rendered["files"]] == [
        ("db/orders.json", '{"quote": "say \\"hi\\"", "size": 3}'),
        ("db/orders.yaml", 'quote: "say \\"hi\\""\nsize: 3\n'),
        ("db/orders.tf", 'quote = "say \\"hi\\""\nsize = 3\n'),
        ("db/orders.txt", 'say "hi" 3'),
    ]


WORD = "{{.current.basic.word}}"


@pytest.mark.parametrize(
    ("action_type", "config", "shown"),
    [
        # a rest-api call carries it; anything else shows the mask, should the checker have let it pass (B61)
        ("rest-api", {"headers": {"X-Word": WORD}}, {"headers": {"X-Word": "swordfish"}}),
        (
            "rest-api",
            {"body": {"type": "json", "contentTemplate": f'"{WORD}"'}},
            {"body": {"type": "json", "content": '"swordfish"'}},
        ),
        ("jira-ticket", {"ticket": {"customFields": {"a": WORD}}}, {"ticket": {"customFields": {"a": "[secret]"}}}),
        ("github-workflow", {"inputs": {"a": WORD}}, {"inputs": {"a": "[secret]"}}),
        ("terraform", {"variables": {"a": [WORD]}}, {"variables": {"a": ["[secret]"]}}),
        ("email", {"bodyTemplate": WORD}, {"body": "[secret]"}),
        (
            "webhook",
            {"body": {"type": "json", "contentTemplate": f'"{WORD}"'}},
            {"body": {"type": "json", "content": '"[secret]"'}},
        ),
        (
            "git-commit",
            {"files": [{"path": "a.yaml", "contentTemplate": f"a: {WORD}"}]},
            {"files": [{"path": "a.yaml", "content": 'a: "[secret]"'}]},
        ),
    ],
)
def test_a_secret_is_sent_where_it_may_be_alone(
    action_type: str, config: dict[str, Any], shown: dict[str, Any]
) -> None:
    assert render_action(action_type, config, SCOPE) == shown


KEYED = Scope(
    current={"path": "a/b"}, system={"platform": {"apiKey": "key-of-the-platform", "region": "eu-1"}}
)  # fmt: skip


@pytest.mark.parametrize("action_type", ["rest-api", "webhook"])
@pytest.mark.parametrize(
    ("targets", "url", "goes"),
    [
        pytest.param(["https://acme.example/api/"], "https://acme.example/api/x", True, id="bound"),
        pytest.param(["https://acme.example/api/"], "https://acme.example/api", False, id="above it"),
        pytest.param(["https://acme.example/"], "https://acme.example/{{.current.path}}", True, id="path"),
        pytest.param(["https://acme.example/"], "https://evil.example.com/", False, id="another host"),
        pytest.param(["https://acme.example/"], "https://acme.example.evil.example/", False, id="alike"),
        pytest.param(["https://acme.example/"], "http://platform.example.com/", False, id="unencrypted"),
        pytest.param([], "https://acme.example/", False, id="bound to nothing"),
    ],
)
def test_the_key_of_the_platform_goes_only_where_it_is_bound_to(
    settings: Settings,
    targets: list[str],
    url: str,
    goes: bool,  # noqa: FBT001 - a row of the table
    action_type: str,
) -> None:  # B47
    settings.PAO_PLATFORM_API_KEY_TARGETS = targets
    headers = {"X-Key": "{{.system.platform.apiKey}}"}
    config = {"endpoint": {"url": url, "method": "GET"}} if action_type == "rest-api" else {"url": url}
    if goes:
        rendered = render_action(action_type, config | {"headers": headers}, KEYED)
        assert rendered["headers"] == {"X-Key": "key-of-the-platform"}
        return
    with pytest.raises(TemplateError, match="PAO_PLATFORM_API_KEY_TARGETS") as caught:
        render_action(action_type, config | {"headers": headers}, KEYED)
    assert "key-of-the-platform" not in str(caught.value)


def test_another_value_of_the_platform_goes_anywhere() -> None:
    config = {
        "endpoint": {"url": "https://a.example/", "method": "GET"},
        "headers": {"X": "{{.system.platform.region}}"},
    }
    assert render_action("rest-api", config, KEYED)["headers"] == {"X": "eu-1"}
