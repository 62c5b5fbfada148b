"""From the config in a document to the config an action gets: every template replaced, nothing else touched."""

from copy import deepcopy
from typing import Any

import pytest

from catalog.domain.templating import Scope
from fulfillment.render import render_action
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
