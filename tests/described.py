"""Holding answers of the API against its committed description, docs/openapi.yaml."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

from devtools.parts import ROOT

DOCUMENT = Path(ROOT) / "docs" / "openapi.yaml"


@cache
def document() -> dict[str, Any]:
    """Return the committed description."""
    loaded: dict[str, Any] = yaml.safe_load(DOCUMENT.read_text(encoding="utf-8"))
    return loaded


def template_of(path: str) -> str:
    """Return the path of the description that an address belongs to; a literal one goes before one with a variable."""
    for template in sorted(document()["paths"], key=lambda template: template.count("{")):
        if re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", template), path):
            return str(template)
    raise AssertionError(f"{path} is not described")


def as_described(answer: Any, *, sparse: bool = False) -> Any:
    """Return the answer of a test client when status, headers and body are as the description says.

    `sparse`: the caller asked for some members only, so that required ones may be missing.
    """
    method, path = answer.wsgi_request.method.lower(), answer.wsgi_request.path
    operation = document()["paths"][template_of(path)]["get" if method == "head" else method]
    described = operation["responses"].get(str(answer.status_code))
    assert described, f"{method} {path} may not answer {answer.status_code}: {answer.content!r}"
    described = _resolved(described)
    content = described.get("content", {}).get("application/json")
    if content is None or method == "head":
        assert answer.content == b"", f"{method} {path} answers {answer.status_code} with a body"
    elif not sparse:
        assert answer.headers["Content-Type"] == "application/json"
        _validate(answer.json(), content["schema"])
    for name, header in described.get("headers", {}).items():
        if name in answer.headers:
            _validate(_typed(answer.headers[name], _resolved(header)["schema"]), _resolved(header)["schema"])
    return answer


def _resolved(part: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in part:
        found: Any = document()
        for step in part["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        part = found
    return part


def _typed(text: str, schema: dict[str, Any]) -> Any:
    return int(text) if schema.get("type") == "integer" else text


def _validate(body: Any, schema: dict[str, Any]) -> None:
    whole = {**schema, "components": document()["components"]}
    checker = Draft202012Validator.FORMAT_CHECKER
    problems = [
        f"{'/'.join(map(str, error.absolute_path))}: {error.message}"
        for error in Draft202012Validator(whole, format_checker=checker).iter_errors(body)
    ]
    assert problems == []
