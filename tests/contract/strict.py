"""Judges requests to JIRA and its answers by the strict contract in tests/contract/jira.

Use it around the sandbox, or around PAO's own client::

    contract = StrictContract("3")
    assert contract.check_request("POST", "/rest/api/3/issue", {}, headers, body) == []
    assert contract.check_response("POST", "/rest/api/3/issue", 201, headers, answer) == []
"""

import functools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from jsonschema import Draft4Validator

from tests.contract.openapi import OpenApiContract, Query

__all__ = ["Query", "StrictContract", "adf_problems"]

JIRA = Path(__file__).with_name("jira")
FILES = {"3": ("openapi.strict.json",), "2": ("openapi.v2-derived.strict.json", "search.v2-derived.json")}


class StrictContract(OpenApiContract):
    """The strict contract of one REST version of JIRA; every check returns what is wrong, in words."""

    def __init__(self, version: Literal["3", "2"]) -> None:
        """Load the contract of REST version 3 (Atlassian Document Format) or 2 (plain text)."""
        super().__init__(_document(version), errors="/components/schemas/ErrorCollection")
        self.version = version

    def body_problems(self, path: str, value: Any) -> Iterator[str]:
        """Yield what is wrong with rich text: the description leaves it open, and the version decides its form."""
        for place, text in _rich_texts(path, value):
            if self.version == "2":
                if not isinstance(text, str):
                    yield f"{place}: version 2 takes plain text"
            elif not isinstance(text, dict):
                yield f"{place}: version 3 takes an Atlassian Document"
            else:
                yield from (f"{place}{problem}" for problem in adf_problems(text))


def adf_problems(document: Any) -> list[str]:
    """Return what is wrong with an Atlassian Document, by the vendor's JSON Schema."""
    return [f"{error.json_path.removeprefix('$')}: not valid ADF" for error in _adf_validator().iter_errors(document)]


@functools.cache
def _adf_validator() -> Draft4Validator:
    return Draft4Validator(json.loads((JIRA / "adf.schema.json").read_text(encoding="utf-8")))


@functools.cache
def _document(version: str) -> dict[str, Any]:
    first, *others = (json.loads((JIRA / name).read_text(encoding="utf-8")) for name in FILES[version])
    for other in others:
        first["paths"].update(other["paths"])
        first["components"]["schemas"].update(other["components"]["schemas"])
    return dict(first)


def _rich_texts(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, dict):
        return
    tickets = [("$", value), *((f"$.issues[{n}]", one) for n, one in enumerate(value.get("issues") or []))]
    for place, ticket in tickets:
        fields = ticket.get("fields") if isinstance(ticket, dict) else None
        if isinstance(fields, dict) and fields.get("description") is not None:
            yield f"{place}.fields.description", fields["description"]
    if path.endswith("/comment"):
        comments = value.get("comments", [value] if "body" in value else [])
        yield from ((f"$.comments[{n}].body", one.get("body")) for n, one in enumerate(comments))
