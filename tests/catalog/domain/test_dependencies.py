"""What a document's templates need and who makes it: references with sources, the graph of outputs, unused fields."""

from typing import Any

import pytest
import yaml

from catalog.domain.dependencies import Dependencies, Edge, Need, Step, dependencies_of
from tests.catalog.domain.catalog_files import BUNDLE, ITEM, OTHER
from tests.factories import bundle, item, rest, ticket

FIELDS: list[dict[str, Any]] = [
    {"id": "size", "name": "Size", "type": "number", "required": True},
    {"id": "note", "name": "Note", "type": "textarea"},
    {"id": "word", "name": "Word", "type": "password"},
]


def loaded(text: str) -> dict[str, Any]:
    data: dict[str, Any] = yaml.safe_load(text)
    return data


def of(*actions: dict[str, Any]) -> Dependencies:
    """Return the dependencies of an item whose automatic path has these actions."""
    return dependencies_of(item(mode="automatic", actions=list(actions), fields=FIELDS))


def at(index: int, section: str = "automatic", component: str = "") -> Step:
    return Step(("fulfillment", section, "actions", index), section, component)


def told(need: Need) -> str:
    """Return one reference as `path reference context`; paths begin in the action."""
    place = ".".join(map(str, need.path[len(need.step.path) :]))
    return f"{place} {need.reference} {need.context}"


def test_every_reference_is_listed_with_its_place_and_context() -> None:
    found = dependencies_of(loaded(ITEM))
    assert [told(need) for need in found.needs] == [
        "config.ticket.summaryTemplate .current.basic.title summary",
        "config.headers.X-User .system.user.id header",
        "config.body.contentTemplate .current.basic.title json-body",
        "config.body.contentTemplate .current.basic.size json-body",
        "config.ticket.summaryTemplate .output.url summary",
        "config.ticket.labels.0 .current.basic.class label",
    ]
    assert [(need.step.section, need.step.path[-1]) for need in found.needs[::5]] == [("manual", 0), ("automatic", 1)]
    assert found.unknown == ()


def test_a_reference_brings_its_functions_and_what_it_points_at() -> None:
    (need,) = of(ticket(summary='{{.current.basic.note | default "-" | upper}}')).needs[1:]
    assert [call.function for call in need.reference.functions] == ["default", "upper"]
    assert need.target is not None
    assert (need.target.family, need.target.optional) == ("text", True)


def test_an_output_leads_from_who_makes_it_to_who_takes_it() -> None:
    found = of(
        rest(outputs={"url": "body.url", "port": "body.port"}),
        ticket(summary="{{.output.url}}"),
        rest("https://h/{{.output.port}}", outputs={"page": "{{.output.url}}/x"}),
    )
    assert found.outputs == {"url": (at(0),), "port": (at(0),), "page": (at(2),)}
    assert found.edges == (Edge(at(0), at(1), "url"), Edge(at(0), at(2), "port"), Edge(at(0), at(2), "url"))


def test_of_an_output_that_is_written_twice_the_last_one_counts() -> None:
    found = of(rest(outputs={"x": "body.a"}), rest(outputs={"x": "body.b"}), ticket(summary="{{.output.x}}"))
    assert found.outputs["x"] == (at(0), at(1))
    assert found.edges == (Edge(at(1), at(2), "x"),)


@pytest.mark.parametrize(
    ("reference", "hint"),
    [
        (".output.url", "Nothing is known under .output here."),  # made by a later action
        (".current.basic.siz", "Did you mean `.current.basic.size`?"),
        (".system.user.mail", "Did you mean `.system.user.email`?"),
    ],
)
def test_what_can_never_be_there_is_told_with_the_nearest_name(reference: str, hint: str) -> None:
    (need,) = of(ticket(summary=f"{{{{{reference}}}}}"), rest(outputs={"url": "body.url"})).unknown
    assert (str(need.reference), need.hint, need.made_by) == (reference, hint, ())


def test_manual_and_automatic_make_outputs_for_themselves_alone() -> None:
    definition = item(mode="automatic", actions=[rest(outputs={"url": "body.url"})])
    definition["fulfillment"]["manual"]["actions"] = [ticket(summary="{{.output.url}}")]
    assert [need.step for need in dependencies_of(definition).unknown] == [at(0, "manual")]


@pytest.mark.parametrize(
    ("summary", "more", "unused"),
    [
        ("{{.current.basic.size}}", {}, ["note", "word"]),
        ("{{.current.name}}", {}, ["size", "note", "word"]),
        ("{{.current.basic}}", {}, []),  # the whole group
        ("x", {"when": "current.basic.size > 3"}, ["note", "word"]),
        ("x", {"outputs": {"a": "{{.current.basic.note}}"}}, ["size", "word"]),
    ],
)
def test_a_field_that_nothing_reads_is_told(summary: str, more: dict[str, Any], unused: list[str]) -> None:
    found = of(ticket(summary=summary) | more)
    assert found.unused_fields == tuple(("current", "basic", name) for name in unused)


def test_a_field_that_decides_about_another_is_read() -> None:
    fields = [FIELDS[0], FIELDS[1] | {"visibleWhen": "current.basic.size > 3"}]
    assert dependencies_of(item(fields=fields)).unused_fields == (("current", "basic", "note"),)


ITEMS = {"database-small-test": loaded(ITEM), "compute-app-test": loaded(OTHER)}


def test_a_bundle_lists_its_own_references_and_those_of_its_items() -> None:
    found = dependencies_of(loaded(BUNDLE), items=ITEMS)
    assert [(need.step.component, told(need)) for need in found.needs] == [
        ("database", "config.headers.X-User .system.user.id header"),
        ("database", "config.body.contentTemplate .current.basic.title json-body"),
        ("database", "config.body.contentTemplate .current.basic.size json-body"),
        ("database", "config.ticket.summaryTemplate .output.url summary"),
        ("database", "config.ticket.labels.0 .current.basic.class label"),
        ("app", "inputs.basic.image .current.app.container value"),
        ("app", "config.ticket.summaryTemplate .current.basic.image summary"),
    ]
    assert found.unknown == ()
    assert found.unused_fields == (("current", "app", "token"),)


def test_in_a_bundle_outputs_lead_from_component_to_component_in_the_order_they_run() -> None:
    items = {
        "item-late-test": item("item-late-test", actions=[ticket(summary="{{.output.key}}")]),
        "item-early-test": item("item-early-test", actions=[ticket() | {"outputs": {"key": "key"}}]),
    }
    definition = bundle(components={"late": ("early",), "early": ()})
    found = dependencies_of(definition, items=items)
    assert found.edges == (Edge(at(0, "manual", "early"), at(0, "manual", "late"), "key"),)
    assert found.unknown == ()


def test_the_condition_of_a_component_is_listed() -> None:
    definition = bundle(components={"app": ()}, fields=FIELDS)
    definition["components"][0]["when"] = "current.basic.size > 3"
    (need,) = dependencies_of(definition).needs
    assert need == Need(
        Step(("components", 0), component="app"),
        ("components", 0, "when"),
        "current.basic.size > 3",
        "condition",
        need.reference,
        need.target,
    )
    assert str(need.reference) == ".current.basic.size"


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"components": None},
        {"components": [{"id": 1, "catalogItem": [], "inputs": {"a": 1, "b": "{{"}, "dependsOn": "x"}, 5]},
        {"components": [{"id": "a", "dependsOn": ["b"]}, {"id": "b", "dependsOn": ["a"]}]},
        {
            "input": {"form": {"groups": [{"fields": [{}]}, 5]}},
            "fulfillment": {"manual": {"actions": [{"type": 5}, 1]}},
        },
        {
            "fulfillment": {
                "manual": {"actions": [{"type": "slack", "config": {"messageTemplate": "{{"}, "outputs": 5}]}
            }
        },
    ],
)
def test_a_wrong_document_has_dependencies_as_far_as_it_can_be_read(broken: dict[str, Any]) -> None:
    assert dependencies_of(broken).needs == ()
