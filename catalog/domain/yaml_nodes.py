"""YAML events made into nodes, one event at a time, so that a bound is known to be broken before memory is used.

An alias counts with everything it stands for, in nodes, in scalars and in depth (B01, B03).
"""

import re
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import yaml

from catalog.domain.encoding import forbidden_character
from catalog.domain.scalars import NumberRefused, is_ambiguous, scalar_value

MAX_DEPTH = 32
MAX_NODES = 20_000
MAX_SCALARS = 5_000
_MAX_PROBLEMS = 50


class Refused(Exception):
    """The document cannot be accepted; line and column count from 1."""

    def __init__(self, code: str, message: str, line: int, column: int, hint: str = "") -> None:
        """Take the members of the finding."""
        super().__init__(message)
        self.code = code
        self.message = message
        self.line = line
        self.column = column
        self.hint = hint


@dataclass(slots=True)
class Node:
    """A scalar, a list or a mapping, where it stands, and how much it is when written out in full."""

    kind: Literal["scalar", "list", "mapping"]
    line: int
    column: int
    start: int
    end: int
    text: str = ""
    value: Any = None
    plain: bool = False
    ambiguous: bool = False
    items: list["Node"] = field(default_factory=list)
    entries: list[tuple["Node", "Node"]] = field(default_factory=list)
    nodes: int = 1
    scalars: int = 0
    height: int = 1


@dataclass
class _Open:
    """A collection whose end has not been seen."""

    node: Node
    anchor: str | None
    key: Node | None = None
    seen: dict[str, int] = field(default_factory=dict)


class Composer:
    """Takes the events of one document; holds its root node and the problems found on the way."""

    def __init__(self) -> None:
        """Begin with no root and no problems."""
        self.root: Node | None = None
        self.problems: list[Refused] = []
        self._open: list[_Open] = []
        self._anchors: dict[str, Node] = {}
        self._documents = 0
        self._nodes = 0
        self._scalars = 0

    def take(self, event: yaml.Event) -> None:
        """Take the next event. Raises `Refused` when it makes no sense to go on."""
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(event)
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            self._begin(event)
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            self._finish(event)
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event)
        elif isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                hint = "Write each document into a file of its own."
                raise _at(event, "yaml_multiple_documents", "A second document begins here", hint)

    def _begin(self, event: Any) -> None:
        self._refuse_tag(event)
        node = _node("mapping" if isinstance(event, yaml.MappingStartEvent) else "list", event)
        self._count(event, 1, 0, because_of_alias=False)
        if len(self._open) >= MAX_DEPTH:
            raise _at(event, "document_too_large", f"Nested more than {MAX_DEPTH} levels deep", "Flatten the document.")
        self._open.append(_Open(node, event.anchor))

    def _finish(self, event: Any) -> None:
        closed = self._open.pop()
        node = closed.node
        node.end = event.end_mark.index
        children = node.items + [part for entry in node.entries for part in entry]
        node.nodes = 1 + sum(child.nodes for child in children)
        node.scalars = sum(child.scalars for child in children)
        node.height = 1 + max((child.height for child in children), default=0)
        self._place(event, node, closed.anchor)

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        self._refuse_tag(event)
        self._count(event, 1, 1, because_of_alias=False)
        node = _node("scalar", event)
        node.text = event.value
        node.scalars = 1
        node.height = 0
        node.plain = bool(event.implicit[0])
        # Only escapes, in double quotes, can stand for what the text itself must not hold.
        forbidden = forbidden_character(event.value) if event.style == '"' else None
        if forbidden is not None:
            message = f"An escape stands for the character U+{ord(event.value[forbidden]):04X}, which is not allowed"
            self._problem(_at(event, "encoding_invalid", message, "Remove it."))
        try:
            node.value = scalar_value(event.value) if node.plain else event.value
        except NumberRefused as refusal:
            self._problem(_at(event, "yaml_unsafe", str(refusal), "Put it into quotes to keep it as text."))
        node.ambiguous = node.plain and is_ambiguous(event.value)
        self._place(event, node, event.anchor)

    def _alias(self, event: Any) -> None:
        name = event.anchor or ""
        target = self._anchors.get(name)
        if target is None:
            inside_itself = any(name == opened.anchor for opened in self._open)
            reason = "contains itself" if inside_itself else "has no anchor before it"
            raise _at(event, "yaml_unsafe", f"The alias *{name[:40]} {reason}", "Write the value out.")
        self._count(event, target.nodes, target.scalars, because_of_alias=True)
        if len(self._open) + target.height > MAX_DEPTH:
            message = f"The alias *{name[:40]} nests more than {MAX_DEPTH} levels deep"
            raise _at(event, "yaml_unsafe", message, "Write the values out.")
        mark = event.start_mark
        copy = replace(
            target, line=mark.line + 1, column=mark.column + 1, start=mark.index, end=event.end_mark.index, plain=False
        )
        self._place(event, copy, None)

    def _place(self, event: Any, node: Node, anchor: str | None) -> None:
        if anchor:
            self._anchors[anchor] = node
        if not self._open:
            self.root = node
            return
        parent = self._open[-1]
        if parent.node.kind == "list":
            parent.node.items.append(node)
        elif parent.key is None:
            self._take_key(event, parent, node)
        else:
            parent.node.entries.append((parent.key, node))
            parent.key = None

    def _take_key(self, event: Any, parent: _Open, key: Node) -> None:
        parent.key = key
        if key.kind != "scalar":
            hint = "Put a value that begins with {{ into quotes."
            raise Refused("yaml_syntax", "A key must be text, not a list or mapping", key.line, key.column, hint)
        if key.plain and key.text == "<<":
            hint = "Merge keys are not part of YAML 1.2: write the keys out."
            raise _at(event, "yaml_unsafe", "The merge key << is not accepted", hint)
        if key.text in parent.seen:
            message = f"The key `{key.text[:60]}` stands in line {parent.seen[key.text]} already"
            hint = "Keep one of them; readers differ on which one counts."
            self._problem(Refused("yaml_duplicate_key", message, key.line, key.column, hint))
        parent.seen.setdefault(key.text, key.line)

    def _refuse_tag(self, event: Any) -> None:
        if event.tag is not None:
            tag = re.sub(r"[^!-~]", "?", event.tag)[:60]
            self._problem(_at(event, "yaml_unsafe", f"The tag {tag} is not accepted", "Remove the tag."))

    def _count(self, event: Any, nodes: int, scalars: int, *, because_of_alias: bool) -> None:
        self._nodes += nodes
        self._scalars += scalars
        if self._nodes <= MAX_NODES and self._scalars <= MAX_SCALARS:
            return
        limit = f"{MAX_NODES} nodes" if self._nodes > MAX_NODES else f"{MAX_SCALARS} scalars"
        if because_of_alias:
            raise _at(event, "yaml_unsafe", f"The aliases expand to more than {limit}", "Write the values out.")
        raise _at(event, "document_too_large", f"More than {limit}", "Split the document into several items.")

    def _problem(self, problem: Refused) -> None:
        self.problems.append(problem)
        if len(self.problems) >= _MAX_PROBLEMS:
            raise self.problems.pop()


def _node(kind: Literal["scalar", "list", "mapping"], event: Any) -> Node:
    mark = event.start_mark
    return Node(kind, mark.line + 1, mark.column + 1, mark.index, event.end_mark.index)


def _at(event: Any, code: str, message: str, hint: str) -> Refused:
    return Refused(code, message, event.start_mark.line + 1, event.start_mark.column + 1, hint)
