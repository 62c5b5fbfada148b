"""Rendering into YAML, structure first: the template's own YAML decides, values only fill its scalars.

A template is taken apart once, by a YAML scanner that sees a word in place of each reference. A scalar that holds
references is written anew with their values: plain when no reader could mistake it, else quoted, or as a block when it
was one and can stay one (contract table; R11, R12). What is not part of a scalar keeps the author's spelling.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import yaml

from catalog.domain.documents import FieldType
from catalog.domain.templating.grammar import Reference, Template
from catalog.domain.templating.scope import Scope, evaluate, unwritable, written, written_as_json
from catalog.domain.templating.text import one_line
from catalog.domain.templating.values import MISSING, UnwritableError, joined, well_formed
from catalog.domain.templating.yaml_values import plain_or_quoted, quoted_text, yaml_of
from pao.core.errors import TemplateError

_LOADER: Any = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
_MISSING_PLAIN: Mapping[FieldType | None, str] = {"number": "null", "boolean": "null", "multiselect": "null"}

_DEEPEST = 100

# A word of private characters: legal in scalars and comments, and nowhere else in YAML.
_MARK = re.compile("\ue000([0-9]+)\ue001")
_BLOCK = re.compile(r"[|>]([+-]?)[ \t]*(?:#.*)?\n(?:[ \t]*\n)*(?P<indent> +)")
_LINE_END = re.compile("[\n\r\x85\u2028\u2029]")
_BLOCK_SAFE = re.compile("(?:[^\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff])*")

_Parts = tuple[str | Reference, ...]
_Style = Literal["plain", "quoted", "block", "comment"]


@dataclass(frozen=True, slots=True)
class _Hole:
    """A scalar, or a comment, that holds references: its text in parts, and how it may be written."""

    parts: _Parts
    style: _Style
    is_key: bool = False
    is_tagged: bool = False
    indent: str = ""

    @property
    def lone(self) -> Reference | None:
        """The reference when it is the whole scalar, so that a list or a mapping may stand for it."""
        is_whole = len(self.parts) == 1 and self.style in {"plain", "quoted"} and not self.is_key and not self.is_tagged
        return self.parts[0] if is_whole and isinstance(self.parts[0], Reference) else None


_Plan = tuple[str | _Hole, ...]


def render_yaml(template: Template, scope: Scope) -> str:
    """Return YAML: the template with each value written as its place wants it, for readers of YAML 1.1 and 1.2.

    A reference that is a whole scalar becomes a list or a mapping when its value is one, and unquoted a number or a
    boolean. Missing values are empty text, or null where the form's field is no text and nothing is quoted.
    Raises `TemplateError` when the template is not YAML around its references, a key is missing or comes twice, or a
    value has no YAML form.
    """
    plan = template.planned(_plan)
    body = joined(piece if isinstance(piece, str) else _fill(piece, scope) for piece in plan)
    problem = _problem_of(body, unique_keys=any(isinstance(piece, _Hole) and piece.is_key for piece in plan))
    if problem:
        raise TemplateError(f"The rendered text is not YAML that can be written: {problem}.")
    return body


def yaml_problem(template: Template) -> str | None:
    """Return why the template can never become YAML, as a sentence, or None: for the checker."""
    try:
        template.planned(_plan)
    except TemplateError as problem:
        return problem.message
    return None


def _fill(hole: _Hole, scope: Scope) -> str:
    if hole.lone is not None:
        return _whole(hole.lone, hole.style, scope)
    text = joined(part if isinstance(part, str) else _part(part, hole, scope) for part in hole.parts)
    if hole.style == "comment":
        return text
    if hole.style == "block":
        return _block(text, hole.indent)
    return plain_or_quoted(text) if hole.style == "plain" else quoted_text(text)


def _whole(reference: Reference, style: _Style, scope: Scope) -> str:
    value = evaluate(reference, scope)
    if value is MISSING:
        return '""' if style == "quoted" else _MISSING_PLAIN.get(scope.declared_type(reference), '""')
    if style == "quoted" and not isinstance(value, list | tuple | Mapping):
        return quoted_text(written(value, reference))
    try:
        return yaml_of(value)
    except UnwritableError as problem:
        raise unwritable(reference, str(problem)) from None


def _part(reference: Reference, hole: _Hole, scope: Scope) -> str:
    value = evaluate(reference, scope)
    if hole.is_key and value is MISSING:
        raise unwritable(reference, "a key is missing")
    text = written_as_json(value, reference) if isinstance(value, Mapping) else written(value, reference)
    return one_line(text) if hole.style == "comment" else text


def _block(text: str, indent: str) -> str:
    """Return the text as a block scalar, or quoted when a block cannot hold it; a line end follows either."""
    body = text.removesuffix("\n")
    is_safe = body and body[0] not in " \t\n" and body[-1] not in " \t\n" and indent and _BLOCK_SAFE.fullmatch(body)
    if not is_safe:
        return f"{quoted_text(text)}\n"
    lines = "\n".join(f"{indent}{line}" if line else "" for line in body.split("\n"))
    return f"{'|' if text.endswith(chr(10)) else '|-'}\n{lines}\n"


def _plan(template: Template) -> _Plan:
    return tuple(_pieces(template))


def _pieces(template: Template) -> Iterator[str | _Hole]:
    if _MARK.search(template.text):
        raise TemplateError("The template holds characters for private use.")
    if "\ufeff" in template.text:
        # Readers do not agree on what it is, and libyaml's marks count from behind it.
        raise TemplateError("The template holds a byte order mark.")
    numbers = iter(range(len(template.references)))
    marked = "".join(
        well_formed(part) if isinstance(part, str) else f"\ue000{next(numbers)}\ue001" for part in template.parts
    )
    problem = _problem_of(marked, unique_keys=False)
    if problem:
        raise TemplateError(f"The template is not YAML around its references: {problem}.")
    done = 0
    for scalar, is_key, is_tagged in _scalars(marked):
        start, end = scalar.start_mark.index, scalar.end_mark.index
        if not _MARK.search(marked, start, end):
            continue
        yield from _between(marked[done:start], template)
        found = _BLOCK.match(marked, start, end)
        hole = _Hole(
            tuple(_parts(scalar.value, template)), _style(scalar), is_key, is_tagged, found["indent"] if found else ""
        )
        if hole.lone and hole.style == "plain":
            hole = replace(hole, parts=(_without_final_yaml(hole.lone),))
        yield hole
        done = end
    yield from _between(marked[done:], template)


def _scalars(marked: str) -> Iterator[tuple[Any, bool, bool]]:
    """Yield each scalar's token, whether it is a key, and whether a tag says how it is read."""
    is_key = is_tagged = False
    for token in yaml.scan(marked, Loader=_LOADER):
        if isinstance(token, yaml.ScalarToken):
            yield token, is_key, is_tagged
        if isinstance(token, yaml.TagToken):
            is_tagged = True
        elif not isinstance(token, yaml.AnchorToken):
            is_key, is_tagged = isinstance(token, yaml.KeyToken), False


def _style(scalar: Any) -> _Style:
    if scalar.plain:
        return "plain"
    return "block" if scalar.style in ("|", ">") else "quoted"


def _between(text: str, template: Template) -> Iterator[str | _Hole]:
    """Yield what stands between scalars: references in it stand in comments."""
    line = ""
    for part in _parts(text, template):
        if isinstance(part, str):
            line = _LINE_END.split(line + part)[-1]
            yield part
        elif "#" in line:
            yield _Hole((part,), "comment")
        else:
            raise unwritable(part, "in YAML a value stands in a scalar or a comment")


def _parts(text: str, template: Template) -> Iterator[str | Reference]:
    for number, piece in enumerate(_MARK.split(text)):
        if number % 2:
            yield template.references[int(piece)]
        elif piece:
            yield piece


def _without_final_yaml(reference: Reference) -> Reference:
    """Drop a last `yaml` from the pipeline: unquoted, a value is written as YAML anyway, and only once."""
    if reference.functions and reference.functions[-1].function == "yaml":
        return replace(reference, functions=reference.functions[:-1])
    return reference


def _problem_of(text: str, *, unique_keys: bool) -> str | None:
    try:
        if _is_too_deep(text):
            return "it is nested too deeply"
        seen: set[int] = set()
        documents = yaml.compose_all(text, Loader=_LOADER) if unique_keys else ()
        if any(_has_twins(document, seen) for document in documents):
            return "a key comes twice in one mapping"
    except yaml.MarkedYAMLError as problem:
        place = f" (line {problem.problem_mark.line + 1})" if problem.problem_mark else ""
        return f"{problem.problem or problem.context}{place}"
    except yaml.YAMLError:
        return "it holds a character that YAML does not take"
    return None


def _is_too_deep(text: str) -> bool:
    """Read the text to its end, or to where it is nested too deeply: readers take very long then (B04)."""
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _DEEPEST:
            return True
    return False


def _has_twins(node: Any, seen: set[int]) -> bool:
    """Say whether a mapping has a key twice; aliases lead to nodes that were seen."""
    if id(node) in seen:
        return False
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        return len(set(keys)) < len(keys) or any(_has_twins(child, seen) for _, child in node.value)
    return isinstance(node, yaml.SequenceNode) and any(_has_twins(child, seen) for child in node.value)
