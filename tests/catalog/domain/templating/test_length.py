"""A few hundred characters of template can ask for a gigabyte: nothing becomes longer than is sent anywhere."""

import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from catalog.domain.templating import Scope, parse
from catalog.domain.templating.values import LONGEST_TEXT
from fulfillment.render import LONGEST_CONFIG, RENDERERS, render_action
from pao.core.errors import TemplateError

LONG = "a" * 40_000
SCOPE = Scope(
    current={
        "long": LONG,
        "quotes": '"\\' * 2_000,
        "list": ["a" * 1_000] * 100,
        "some": "a" * 1_000,
        "empty": [""] * 100,
    }
)
LEAST_MEGABYTES = 40

LONG_WORD = "a" * 200
PIPELINES = [
    pytest.param(f'.current.some | replace "a" "{LONG_WORD}" | replace "a" "{LONG_WORD}"', id="replace twice"),
    pytest.param(f'.current.some | replace "" "{LONG_WORD * 10}"', id="between all letters"),
    pytest.param(f'.current.list | replace "a" "{LONG_WORD}"', id="in every entry of a list"),
    pytest.param(f'.current.empty | join "{LONG_WORD * 100}"', id="join by a long text"),
    pytest.param(".current.quotes" + " | json" * 14, id="JSON in JSON in JSON"),
    pytest.param(".current.quotes" + " | yaml | json" * 7, id="YAML in JSON in YAML"),
    pytest.param(".current.long" + " | b64encode" * 15, id="base64 of base64"),
    pytest.param(f'.current.quotes | urlencode | replace "%" "{LONG_WORD * 2}"', id="per cent"),
]

AROUND = {
    "url": "https://a.example/x?q={}",
    "json-body": '"{}"',
    "yaml": 'key: "{}"',
    "hcl": 'key = "{}"',
    "git-path": "a{}",
    "git-ref": "a{}",
    "workspace": "a{}",
}
CUT = {"summary", "label"}


def _megabytes(action: Callable[[], Any]) -> float:
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_a_function_makes_no_more_of_a_value(pipeline: str) -> None:
    template = parse("{{" + pipeline + "}}")

    def refused() -> None:
        with pytest.raises(TemplateError, match=f"longer than {LONGEST_TEXT}"):
            RENDERERS["text"](template, SCOPE)

    assert _megabytes(refused) < LEAST_MEGABYTES


@pytest.mark.parametrize("context", sorted(set(RENDERERS) - {"value", "address"}))
def test_a_template_becomes_no_longer_in_any_place(context: str) -> None:
    text = AROUND.get(context, "{}").format("{{.current.long}}" * 4_000)

    def refused() -> None:
        with pytest.raises(TemplateError, match="longer than"):
            RENDERERS[context](parse(text), SCOPE)

    assert _megabytes(refused) < LEAST_MEGABYTES


def test_the_templates_of_an_action_together_become_no_longer() -> None:
    fields = {f"customfield_{number}": "{{.current.long}}" for number in range(200)}
    config = {"ticket": {"project": "DBA", "issueType": "Task", "summaryTemplate": "x", "customFields": fields}}
    with pytest.raises(TemplateError, match=f"longer than {LONGEST_CONFIG}"):
        render_action("jira-ticket", config, SCOPE)
