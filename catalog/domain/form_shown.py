"""When a group or field is shown, as JSON Schema of the form data: `visibleWhen` for readers of the published schema.

The data that satisfies the schema is the data for which `catalog.domain.forms.visibility` shows the part. A condition
that leans on a part shown only at times refers to that part's own schema among `definitions`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from catalog.domain.conditions import Condition, as_json_schema, parse_condition
from catalog.domain.conditions.tree import Comparison, Every, Holds, Node, Not, Some
from catalog.domain.documents import Field, Form, Group
from catalog.domain.forms.visibility import leanings, ordered_parts
from catalog.domain.templating import Scope

Path = tuple[str, ...]
Schema = dict[str, Any]

_NOWHERE = Scope()


@dataclass(frozen=True)
class Shown:
    """The conditions of a form."""

    form: Form

    @cached_property
    def parts(self) -> Mapping[Path, Group | Field]:
        """Every group and field by its path. Raises `ItemUnavailable` for conditions in a circle."""
        return dict(ordered_parts(self.form))

    @cached_property
    def definitions(self) -> dict[str, Schema]:
        """The schemas that others refer to, by the dotted path of their part."""
        return {".".join(path): self._schema(path) for path in sorted(self._leaned_on)}

    def schema(self, path: Path, *, in_full: bool = False) -> Schema | None:
        """Return what the form data satisfies when the part itself is shown, or None when it always is.

        A field without a condition of its own is shown with its group: ask for the group then. `in_full` is for what
        stands among the definitions: the schema itself, not a reference to it.
        """
        if not self.parts[path].visible_when:
            return None
        return self._reference(path) if path in self._leaned_on and not in_full else self._schema(path)

    @cached_property
    def _leaned_on(self) -> frozenset[Path]:
        """The conditional parts whose schema is needed inside that of another."""
        gates: set[Path] = set()
        for path, part in self.parts.items():
            if part.visible_when:
                needed = [self._gate(path[:1]) if len(path) > 1 else None, *map(self._gate, leanings(part))]
                gates.update(gate for gate in needed if gate)
        return frozenset(gates)

    def _gate(self, path: Path) -> Path | None:
        """Return the nearest conditional part that the path stands in, or None."""
        for each in (path, path[:1]):
            if each in self.parts and self.parts[each].visible_when:
                return each
        return None

    def _schema(self, path: Path) -> Schema:
        own = self._node(parse_condition(self.parts[path].visible_when).tree)
        within = self._gate(path[:1]) if len(path) > 1 else None
        return {"allOf": [self._reference(within), own]} if within else own

    def _reference(self, path: Path) -> Schema:
        return {"$ref": f"#/definitions/{'.'.join(path)}"}

    def _node(self, node: Node) -> Schema:
        if isinstance(node, Not):
            return {"not": self._node(node.part)}
        if isinstance(node, Every | Some):
            return {"allOf" if isinstance(node, Every) else "anyOf": [self._node(part) for part in node.parts]}
        return self._leaf(node)

    def _leaf(self, leaf: Holds | Comparison) -> Schema:
        condition = Condition("", leaf)
        schema = as_json_schema(condition)
        for _, *steps in condition.references:
            path = tuple(steps[:2])
            field, gate = self.parts.get(path), self._gate(path)
            when_missing = condition.holds(_NOWHERE)
            if isinstance(field, Field) and not field.required:
                schema = _with_absence(schema, path, field, condition)
            if gate:
                reference = self._reference(gate)
                schema = {"anyOf": [{"not": reference}, schema]} if when_missing else {"allOf": [reference, schema]}
        return schema


def _with_absence(schema: Schema, path: Path, field: Field, condition: Condition) -> Schema:
    """Return the schema that takes an absent optional field as its default, and a file nobody chose as missing."""
    present: Schema = {"minProperties": 1} if field.type == "file" else {}
    when_missing = condition.holds(_NOWHERE)
    when_absent = when_missing
    if field.default is not None:
        when_absent = condition.holds(Scope(current={path[0]: {path[1]: field.default}}))
    if when_absent == when_missing and field.type != "file":
        return schema
    for step in reversed(path):
        present = {"type": "object", "required": [step], "properties": {step: present}}
    return {"anyOf": [{"not": present}, schema]} if when_absent else {"allOf": [present, schema]}
