"""Reads one catalog document: YAML 1.2 core rules on PyYAML's event stream, with every bound enforced before anything
is constructed (hostile-input.md B01-B11, ruling R48).
"""

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from sys import intern
from typing import Any

import yaml

from catalog.domain.codes import CODES
from catalog.domain.encoding import MAX_BYTES, EncodingProblem, decode, hidden_characters, place_of
from catalog.domain.findings import Finding
from catalog.domain.positions import NOWHERE, Path, Positions, Span, dotted
from catalog.domain.yaml_nodes import Composer, Node, Refused

__all__ = ["MAX_BYTES", "Reading", "read"]

MAX_TAG_DIRECTIVES = 10
_TAG_DIRECTIVE = re.compile(r"^%TAG\b", re.MULTILINE)
_LOADER: Any = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader


@dataclass(frozen=True)
class Reading:
    """What a file says: plain data (None when a finding is an error), where each member stands, and the findings."""

    data: dict[str, Any] | None
    positions: Positions
    findings: tuple[Finding, ...]


def read(content: bytes, *, file: str) -> Reading:
    """Read one document; whatever is wrong with it is a finding, nothing is raised.

    Text, null, booleans, decimal integers and floats are the only scalars; everything else (yes, 02:30, 010, dates)
    stays text. `file` is the name put into the findings.
    """
    try:
        text = decode(content)
    except EncodingProblem as problem:
        return _refused(file, problem.code, problem.message, problem.line, problem.column, problem.hint)
    if directives := _directives_problem(text):
        return Reading(None, NOWHERE, (_finding(file, directives),))
    composer = Composer()
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            composer.take(event)
    except Refused as refusal:
        composer.problems.append(refusal)
    except yaml.YAMLError as error:
        composer.problems.append(_syntax_problem(error, text))
    if composer.problems:
        findings = tuple(_finding(file, problem) for problem in composer.problems)
        return Reading(None, NOWHERE, findings)
    root = composer.root
    if root is None or root.kind != "mapping":
        line, column = (root.line, root.column) if root else (1, 1)
        what = "The file is empty" if root is None else f"The document is a {root.kind}"
        hint = "A document begins with `schemaVersion: catalog/v1` and `kind:`."
        return _refused(file, "not_a_mapping", f"{what}, not a mapping of keys to values", line, column, hint)
    return _accepted(file, text, root)


def _directives_problem(text: str) -> Refused | None:
    """Return what is wrong with very many %TAG lines: the parser would compare each with all before it (B07)."""
    found = next(islice(_TAG_DIRECTIVE.finditer(text), MAX_TAG_DIRECTIVES, None), None)
    if found is None:
        return None
    message = f"More than {MAX_TAG_DIRECTIVES} %TAG directives"
    return Refused("yaml_unsafe", message, *place_of(text[: found.start()]), "Remove them: tags are not accepted.")


def _accepted(file: str, text: str, root: Node) -> Reading:
    keys: dict[Path, Span] = {}
    values: dict[Path, Span] = {}
    warnings: list[Finding] = []

    def plain(node: Node, path: Path) -> Any:
        values[path] = Span(node.line, node.column, node.start, node.end)
        if node.kind == "mapping":
            data = {}
            for key, child in node.entries:
                keys[*path, key.text] = Span(key.line, key.column, key.start, key.end)
                data[intern(key.text)] = plain(child, (*path, key.text))
            return data
        if node.kind == "list":
            return [plain(child, (*path, index)) for index, child in enumerate(node.items)]
        if node.ambiguous:
            warnings.append(_ambiguous(file, node, path))
        return node.value

    data = plain(root, ())
    hidden = list(hidden_characters(text))
    # By start, what lies inside after what holds it: the last that begins before a character is the one it stands in.
    spans = sorted((*values.items(), *keys.items()), key=lambda one: (one[1].start, -one[1].end)) if hidden else []
    warnings += [
        _make(
            file,
            "invisible_characters",
            f"The character U+{code_point:04X} hides or reorders text",
            *place_of(text[:index]),
            "Remove it, so that reviewers see what readers of the file see.",
            _member_at(index, spans),
        )
        for code_point, index in hidden
    ]
    return Reading(data, Positions(text, keys=keys, values=values), tuple(warnings))


def _member_at(index: int, spans: Sequence[tuple[Path, Span]]) -> str:
    """Return the member whose key or value holds the character at the index, "" for one in a comment."""
    before = bisect_right(spans, index, key=lambda one: one[1].start)
    if not before or index >= spans[before - 1][1].end:
        return ""
    return dotted(spans[before - 1][0])


def _ambiguous(file: str, node: Node, path: Path) -> Finding:
    message = f"`{node.text[:40]}` is read as text, but YAML 1.1 readers take it for another value"
    return _make(file, "yaml_ambiguous", message, node.line, node.column, "Put it into quotes.", dotted(path))


def _syntax_problem(error: yaml.YAMLError, text: str) -> Refused:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    reason = str(getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be read")
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    hint = "Check indentation, quotes and brackets here and in the line above."
    lines = text.splitlines()
    if mark and mark.line < len(lines):
        here = lines[mark.line]
        if "\t" in here[: mark.column + 1]:
            hint = "Indent with spaces, not with tabs."
        elif ": {{" in here:
            hint = "Put a value that begins with {{ into quotes."
    return Refused("yaml_syntax", f"Not YAML: {' '.join(reason.split())}", line, column, hint)


def _finding(file: str, problem: Refused) -> Finding:
    return _make(file, problem.code, problem.message, problem.line, problem.column, problem.hint)


def _refused(file: str, code: str, message: str, line: int, column: int, hint: str) -> Reading:
    return Reading(None, NOWHERE, (_make(file, code, message, line, column, hint),))


def _make(file: str, code: str, message: str, line: int, column: int, hint: str, path: str = "") -> Finding:
    return Finding(code, CODES[code].strict, file, path, line, column, message, hint)
