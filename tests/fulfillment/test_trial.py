"""Trying templates: what each says, where every value comes from, what leads nowhere, and no secret ever."""

from typing import Any

import pytest
import yaml

from catalog.domain.structure import without_nulls
from fulfillment.trial import Trial, TriedTemplate, try_template
from fulfillment.trial_document import Given, try_document
from pao.core.errors import ValidationFailed
from tests.catalog.domain.catalog_files import BUNDLE, ITEM, OTHER

NAMESPACES: dict[str, Any] = {
    "current": {"name": "shop", "basic": {"size": 5, "note": None, "tags": ["a", "b"], "secret": "hunter22"}},
    "output": {"url": "https://db"},
    "metadata": {"database-x": {"port": "5432"}},
    "system": {"requestId": "r-1", "platform": {"apiKey": "key-of-the-platform"}},
}
TYPES: Any = {"basic.size": "number", "basic.secret": "password", "basic.gone": "number"}

# template, context, output, states of its references
ROWS = [
    pytest.param("{{.current.name}} at {{.output.url}}", "text", "shop at https://db", ["value", "value"], id="text"),
    pytest.param('{"n": {{.current.basic.size}}}', "json-body", '{"n": 5}', ["value"], id="bare number"),
    pytest.param('{"n": {{.current.basic.gone}}}', "json-body", '{"n": 0}', ["unknown"], id="missing by declared type"),
    pytest.param("{{.current.basic.tags}}", "text", "a, b", ["value"], id="list"),
    pytest.param("{{.current.basic.note}}", "text", "", ["missing"], id="null is missing, not unknown"),
    pytest.param("{{.metadata.database-x.port}}", "text", "5432", ["value"], id="hyphens in a catalog id"),
    pytest.param("{{.current.basic.secret}}", "text", "[secret]", ["value"], id="a password is masked"),
    pytest.param("{{.current.basic.secret | b64encode}}", "text", "[secret]", ["value"], id="so is what is made of it"),
    pytest.param("{{.system.platform.apiKey}}", "text", "[secret]", ["value"], id="so is the platform's key"),
    pytest.param("no reference", "summary", "no reference", [], id="no reference"),
]


@pytest.mark.parametrize(("template", "context", "output", "states"), ROWS)
def test_a_template_with_values_given(template: str, context: str, output: Any, states: list[str]) -> None:
    tried = _raw(template, context)
    assert (tried.output, tried.error) == (output, "")
    assert [reference.state for reference in tried.references] == states


# template, context, part of the reason
ERRORS = [
    pytest.param("{{.curent.name}}", "text", "did you mean current", id="unknown namespace"),
    pytest.param("{{.current.name | uper}}", "text", "did you mean upper", id="unknown function"),
    pytest.param("{{.current.name", "text", "there is no }}", id="unclosed"),
    pytest.param("{{.current.basic.note}}", "url", "", id="an empty segment of a URL"),
    pytest.param("{{.current.basic.note | required}}", "text", "required", id="a required value is missing"),
]


@pytest.mark.parametrize(("template", "context", "reason"), ERRORS)
def test_a_template_that_says_nothing_says_why(template: str, context: str, reason: str) -> None:
    text = f"https://a.example/{template}" if context == "url" else template
    tried = _raw(text, context)
    assert tried.output is None
    assert tried.error
    assert reason in tried.error


def test_an_unknown_reference_names_the_nearest_one() -> None:
    (reference,) = _raw("{{.current.basic.siez}}", "text").references
    assert (reference.state, reference.source) == ("unknown", "nothing")
    assert ".current.basic.size" in reference.hint


def test_hints_are_searched_for_the_first_references_only() -> None:
    references = _raw("{{.current.basic.siez}}" * 25, "text").references
    assert [bool(reference.hint) for reference in references] == [True] * 20 + [False] * 5


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        pytest.param("a" * 40_000, "a" * 500 + "…", id="a long text"),
        pytest.param(["a"] * 20_000, ["a"] * 20 + ["…"], id="many entries"),
        pytest.param({str(n): n for n in range(30)}, {str(n): n for n in range(20)} | {"…": "…"}, id="many members"),
        pytest.param([[[[1]]]], [[["…"]]], id="deep"),
    ],
)
def test_of_a_value_no_more_is_told_than_shows_what_it_is(value: Any, shown: Any) -> None:
    tried = try_template(
        "{{.current.a | json | truncate 3}}" * 3, context="text", namespaces={"current": {"a": value}}, types={}
    )
    assert [reference.value for reference in tried.templates[0].references] == [shown] * 3


def test_what_would_be_told_in_all_is_bounded() -> None:
    value = [["a" * 500] * 20] * 20
    text = '{{.current.a | json | replace "a" ""}}' * 100
    (tried,) = try_template(text, context="text", namespaces={"current": {"a": value}}, types={}).templates
    assert (tried.output, tried.references) == (None, ())
    assert "all of this trial together" in tried.error


def test_a_trial_ends_when_its_time_has_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([0.0, 1.0, 3.0])
    monkeypatch.setattr("fulfillment.trial.monotonic", lambda: next(moments))
    (tried,) = try_template(
        "{{.current.a}}" * 500, context="text", namespaces={"current": {"a": 1}}, types={}
    ).templates
    assert "longer than 2 seconds" in tried.error


# --- documents


def test_every_template_of_a_document_is_tried_in_order() -> None:
    trial = _document(ITEM, {"name": "shop-db", "basic": {"title": "Shop", "class": "small", "secret": "hunter22"}})
    assert [(_place(tried), tried.output) for tried in trial.templates] == [
        ("manual 0 summaryTemplate", "Database Shop"),
        ("automatic 0 X-User", "dana"),
        ("automatic 0 contentTemplate", '{\n  "title": "Shop",\n  "size": 5\n}\n'),
        ("automatic 1 summaryTemplate", "Ready: ‹url›"),
        ("automatic 1 0", "small"),
    ]
    assert trial.unused_fields == ("basic.secret",)


@pytest.mark.parametrize(
    ("form_data", "outputs", "reference", "expected"),
    [
        pytest.param(
            None, {}, ".current.basic.size", ("value", 5, "the number field 'Size', its default"), id="default"
        ),
        pytest.param(
            None, {}, ".current.basic.title", ("missing", None, "the string field 'Title', not given"), id="not given"
        ),
        pytest.param(
            {"name": "shop-db", "basic": {"title": "Shop"}},
            {},
            ".current.basic.title",
            ("value", "Shop", "the string field 'Title', as given or by default"),
            id="given",
        ),
        pytest.param(
            None,
            {},
            ".output.url",
            ("value", "‹url›", "output of the rest-api action call, a place holder until the action has run"),
            id="an output to come",
        ),
        pytest.param(
            None,
            {"url": "https://db"},
            ".output.url",
            ("value", "https://db", "output of the rest-api action call, as given"),
            id="an output given",
        ),
        pytest.param(None, {}, ".system.user.id", ("value", "dana", "the requester"), id="the requester"),
    ],
)
def test_every_value_has_its_source(
    form_data: dict[str, Any] | None, outputs: dict[str, Any], reference: str, expected: tuple[Any, ...]
) -> None:
    trial = _document(ITEM, form_data, outputs)
    found = {each.reference: each for tried in trial.templates for each in tried.references}[reference]
    assert (found.state, found.value, found.source) == expected


def test_what_leads_nowhere_names_the_nearest_path() -> None:
    trial = _document(ITEM.replace("{{.current.basic.title}}", "{{.current.basic.titel}}", 1), None)
    found = trial.templates[0].references[0]
    assert (found.state, found.source) == ("unknown", "nothing")
    assert ".current.basic.title" in found.hint


def test_an_output_is_known_to_the_actions_after_it_only() -> None:
    moved = ITEM.replace('X-User: "{{.system.user.id}}"', 'X-User: "{{.output.url}}"')
    references = [each for tried in _document(moved, None).templates for each in tried.references]
    assert [each.state for each in references if each.reference == ".output.url"] == ["unknown", "value"]


def test_a_secret_is_masked_wherever_it_stands() -> None:
    moved = ITEM.replace('X-User: "{{.system.user.id}}"', 'X-User: "{{.current.basic.secret}}"')
    trial = _document(moved, {"name": "shop-db", "basic": {"title": "Shop", "secret": "hunter22"}})
    assert "hunter22" not in repr(trial)
    assert trial.templates[1].output == "[secret]"


def test_a_bundle_shows_what_its_components_are_given() -> None:
    form_data = {"name": "both", "basic": {"title": "T", "size": 1}, "app": {"container": "image:1"}}
    trial = _document(BUNDLE, form_data)
    assert [(tried.path, tried.output) for tried in trial.templates] == [
        (("components", 1, "inputs", "basic.image"), "image:1")
    ]


def test_the_items_of_a_bundle_read_its_form() -> None:
    items = {"database-small-test": yaml.safe_load(ITEM), "compute-app-test": yaml.safe_load(OTHER)}
    assert _document(BUNDLE, None).unused_fields == ("basic.title", "basic.size", "basic.class", "app.token")
    assert _document(BUNDLE, None, items=items).unused_fields == ("app.token",)


@pytest.mark.parametrize(("given", "holds"), [("small", True), ("large", False), (None, False)])
def test_conditions_are_tried_where_they_stand(given: str | None, holds: bool) -> None:  # noqa: FBT001 - a row of the table
    text = ITEM.replace("        id: call\n", "        id: call\n        when: current.basic.class == 'small'\n")
    form_data = {"name": "shop-db", "basic": {"title": "T"} | ({"class": given} if given else {})}
    (tried,) = [one for one in _document(text, form_data).templates if one.context == "condition"]
    assert (tried.path[-1], tried.output) == ("when", holds)
    assert [(each.reference, each.value) for each in tried.references] == [(".current.basic.class", given)]


def test_a_field_that_only_a_condition_reads_is_used() -> None:
    text = ITEM.replace(
        "{id: secret, name: Secret, type: password}", "{id: extra, name: Extra, type: boolean, default: false}"
    )
    assert _document(text, None).unused_fields == ("basic.extra",)
    conditional = text.replace("        id: call\n", "        id: call\n        when: current.basic.extra == true\n")
    assert _document(conditional, None).unused_fields == ()


def test_outputs_are_followed_from_the_action_that_makes_them() -> None:
    (flow,) = _document(ITEM, None).flows
    assert (flow.output, flow.producer[-1], flow.consumer[-1]) == ("url", 0, 1)


def test_form_data_is_held_to_the_form() -> None:
    with pytest.raises(ValidationFailed) as caught:
        _document(ITEM, {"name": "shop-db", "basic": {"title": 5}})
    assert [detail.field for detail in caught.value.details] == ["basic.title"]


def _raw(template: str, context: str) -> TriedTemplate:
    (tried,) = try_template(template, context=context, namespaces=NAMESPACES, types=TYPES).templates
    return tried


def _document(
    text: str,
    form_data: dict[str, Any] | None,
    outputs: dict[str, Any] | None = None,
    items: dict[str, Any] | None = None,
) -> Trial:
    data = without_nulls(yaml.safe_load(text))
    return try_document(data, Given({"user": {"id": "dana"}}, form_data, outputs or {}, items or {}))


def _place(tried: TriedTemplate) -> str:
    return f"{tried.path[1]} {tried.path[3]} {tried.path[-1]}"
