"""The JSON Schemas: valid, explained, and marked where a template stands."""

from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft7Validator

from catalog.domain.codes import CODES
from catalog.domain.schemas import FOLDER, schemas

CONTEXTS = {
    "summary", "jira", "text", "json-body", "url", "header", "label", "value", "git-path", "git-ref", "by-path",
    "lines", "markdown", "slack", "address", "workspace",
}  # fmt: skip


def _nodes(value: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(value, dict):
        yield path, value
        for key, child in value.items():
            yield from _nodes(child, f"{path}/{key}")
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _nodes(child, f"{path}/{index}")


PUBLISHED = schemas().published


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_a_schema_is_one_and_says_where_it_is_published(name: str) -> None:
    Draft7Validator.check_schema(PUBLISHED[name])
    assert PUBLISHED[name]["$id"] == f"/schemas/catalog/v1/{name}"
    assert (FOLDER / name).is_file()


def _explainable(name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what an author meets: the schema itself, definitions, members, entries of lists and of mappings."""
    yield "", PUBLISHED[name]
    for path, node in _nodes(PUBLISHED[name]):
        if {"if", "then", "else"} & set(path.split("/")):
            continue
        for holder in ("definitions", "properties"):
            for member, schema in (node.get(holder) or {}).items() if isinstance(node.get(holder), dict) else ():
                if isinstance(schema, dict):
                    yield f"{path}/{holder}/{member}", schema
        if isinstance(node.get("items"), dict) and node["items"].get("type") == "object":
            yield f"{path}/items", node["items"]


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_every_member_is_explained_to_editors(name: str) -> None:
    silent = [path for path, schema in _explainable(name) if "description" not in schema and "$ref" not in schema]
    assert silent == []


# Values that say themselves what they mean.
PLAIN = [["GET", "POST", "PUT", "PATCH", "DELETE"], ["POST", "GET", "PUT", "PATCH", "DELETE"]]


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_every_choice_is_explained_to_editors(name: str) -> None:
    for path, schema in _explainable(name):
        if "enum" in schema and schema["enum"] not in PLAIN:
            told = schema.get("enumDescriptions", [])
            assert len(told) == len(schema["enum"]), f"{name}{path}"
            assert all(text.endswith(".") for text in told), f"{name}{path}"


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_what_editors_offer_is_right(name: str) -> None:
    """Every example and every default passes the schema that it stands in."""
    for path, schema in _nodes(schemas().published[name]):
        linked: Any = schemas().linked[name]
        for step in path.split("/")[1:]:
            linked = linked[int(step)] if isinstance(linked, list) else linked[step]
        listed = schema.get("examples")
        offered = listed if isinstance(listed, list) else []
        offered = [
            *offered,
            *([schema["default"]] if isinstance(schema.get("type"), str) and "default" in schema else []),
        ]
        for value in offered:
            assert list(Draft7Validator(linked).iter_errors(value)) == [], f"{name}{path}: {value}"


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_marks_use_known_words(name: str) -> None:
    for _, node in _nodes(PUBLISHED[name]):
        own = node.get("x-pao-code", {})
        codes = set(own.values()) if isinstance(own, dict) else {own}
        assert codes | {node.get("x-pao-missing", "required_missing")} <= set(CODES)
        assert node.get("x-pao-template", "text") in CONTEXTS


# action type, config, templates found
TEMPLATES: list[tuple[str, dict[str, Any], list[tuple[str, str]]]] = [
    (
        "jira-ticket",
        {
            "ticket": {
                "project": "{{no template}}",
                "summaryTemplate": "s",
                "descriptionTemplate": "d",
                "priority": "p",
                "labels": ["l", "m"],
                "customFields": {"customfield_1": "c", "customfield_2": {"value": ["v", 3]}},
            }
        },
        [
            ("ticket.summaryTemplate", "summary"),
            ("ticket.descriptionTemplate", "jira"),
            ("ticket.priority", "text"),
            ("ticket.labels.0", "label"),
            ("ticket.labels.1", "label"),
            ("ticket.customFields.customfield_1", "value"),
            ("ticket.customFields.customfield_2.value.0", "value"),
        ],
    ),
    (
        "rest-api",
        {
            "endpoint": {"url": "u", "method": "POST"},
            "headers": {"X-A": "h"},
            "query": {"q": "x", "n": 1},
            "body": {"type": "json", "contentTemplate": "{}"},
            "authentication": {"type": "bearer", "secret": "a"},
            "poll": {"url": "p", "until": "body.done"},
        },
        [
            ("endpoint.url", "url"),
            ("headers.X-A", "header"),
            ("query.q", "text"),
            ("body.contentTemplate", "json-body"),
            ("poll.url", "url"),
        ],
    ),
    # the type of the body decides how it is written
    ("rest-api", {"body": {"type": "text", "contentTemplate": "t"}}, [("body.contentTemplate", "text")]),
    ("rest-api", {"body": {"type": "form-data", "contentTemplate": "{}"}}, [("body.contentTemplate", "json-body")]),
    ("rest-api", {"unknown": "x"}, []),
    (
        "git-commit",
        {
            "repository": "no/template",
            "branch": "b",
            "commitMessage": "m",
            "pullRequestTitle": "t",
            "pullRequestBody": "p",
            # the ending of a file's path decides how its text is written
            "files": [
                {"path": path, "operation": "create", "contentTemplate": "c"}
                for path in ("a.json", "b.YAML", "c.yml", "d.tf", "e.tfvars", "f.hcl", "g.md", "h.tf.json", "json")
            ],
        },
        [
            ("branch", "git-ref"),
            ("commitMessage", "lines"),
            ("pullRequestTitle", "summary"),
            ("pullRequestBody", "markdown"),
            ("files.0.path", "git-path"),
            ("files.0.contentTemplate", "json-body"),
            ("files.1.path", "git-path"),
            ("files.1.contentTemplate", "yaml"),
            ("files.2.path", "git-path"),
            ("files.2.contentTemplate", "yaml"),
            ("files.3.path", "git-path"),
            ("files.3.contentTemplate", "hcl"),
            ("files.4.path", "git-path"),
            ("files.4.contentTemplate", "hcl"),
            ("files.5.path", "git-path"),
            ("files.5.contentTemplate", "hcl"),
            ("files.6.path", "git-path"),
            ("files.6.contentTemplate", "text"),
            ("files.7.path", "git-path"),  # and no template: Terraform would read the value as one of its own
            ("files.8.path", "git-path"),
            ("files.8.contentTemplate", "text"),
        ],
    ),
    (
        "github-workflow",
        {"workflowFile": "no", "ref": "main", "inputs": {"a": "x", "b": 2}},
        [("ref", "git-ref"), ("inputs.a", "text")],
    ),
    (
        "terraform",
        {
            "workspace": "w",
            "files": [{"path": "main.tf", "contentTemplate": "c"}],
            "configuration": {"repository": "no/template", "path": "p", "ref": "r"},
            "variables": {"zones": ["z"], "tags": {"a": "t"}},
        },
        [
            ("workspace", "workspace"),
            ("files.0.path", "git-path"),
            ("files.0.contentTemplate", "hcl"),
            ("configuration.path", "git-path"),
            ("configuration.ref", "git-ref"),
            ("variables.zones.0", "value"),
            ("variables.tags.a", "value"),
        ],
    ),
    (
        "webhook",
        {"url": "u", "headers": {"X-A": "h"}, "body": {"type": "json", "contentTemplate": "{}"}},
        [("url", "url"), ("headers.X-A", "header"), ("body.contentTemplate", "json-body")],
    ),
    ("slack", {"webhook": {"secret": "s"}, "messageTemplate": "m"}, [("messageTemplate", "slack")]),
    ("email", {"to": "a", "subjectTemplate": "s"}, [("to", "address"), ("subjectTemplate", "summary")]),
    (
        "email",
        {"to": ["a", "b"], "bodyTemplate": "t"},
        [("to.0", "address"), ("to.1", "address"), ("bodyTemplate", "text")],
    ),
]


@pytest.mark.parametrize(("action_type", "config", "expected"), TEMPLATES)
def test_templates_of_a_config(action_type: str, config: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    found = schemas().template_fields(action_type, config)
    assert [(".".join(map(str, field.path)), field.context) for field in found] == expected
