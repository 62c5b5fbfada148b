"""Catalog documents as values: what a checked `catalog/v1` document says, free of YAML and of storage.

`item_from` and `bundle_from` build these from the plain data of a document that has passed the checker, or from a
definition stored in a snapshot; both are total over such data. Texts that people read come without characters that hide
or reorder text (B17); the definition itself stays as it was written.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from catalog.domain.encoding import displayable

SCHEMA_VERSION = "catalog/v1"
NAME_PATTERN = "^[a-z][a-z0-9-]{2,28}[a-z0-9]$"

FieldType = Literal[
    "string", "textarea", "email", "password", "number", "boolean", "select", "multiselect", "date", "file"
]
FIELD_TYPES: tuple[FieldType, ...] = (
    "string",
    "textarea",
    "email",
    "password",
    "number",
    "boolean",
    "select",
    "multiselect",
    "date",
    "file",
)


@dataclass(frozen=True)
class Owner:
    """The team behind an entry, and how to reach it."""

    team: str = ""
    contact: str = ""


@dataclass(frozen=True)
class Metadata:
    """What names and describes an entry; `custom` holds the author's own static keys."""

    id: str
    name: str
    description: str
    version: str
    category: str = ""
    owner: Owner = field(default_factory=Owner)
    custom: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Field:
    """One field of a form. `validation` holds the keys of its type as the author wrote them."""

    id: str
    name: str
    type: FieldType
    required: bool = False
    default: Any = None
    description: str = ""
    placeholder: str = ""
    enum: tuple[Any, ...] = ()
    validation: Mapping[str, Any] = field(default_factory=dict)
    visible_when: str = ""
    immutable: bool = False


@dataclass(frozen=True)
class Group:
    """A named group of fields; its id is the first step of the path of each."""

    id: str
    name: str
    fields: tuple[Field, ...]
    visible_when: str = ""


@dataclass(frozen=True)
class Form:
    """A whole form: the one implied top-level field `name`, and groups of all others."""

    name_label: str
    name_description: str
    groups: tuple[Group, ...]


@dataclass(frozen=True)
class Action:
    """One fulfilment action. `config` and `outputs` hold unrendered templates."""

    type: str
    config: Mapping[str, Any]
    id: str = ""
    outputs: Mapping[str, Any] = field(default_factory=dict)
    when: str = ""
    rollback: tuple["Action", ...] = ()


@dataclass(frozen=True)
class Item:
    """A `CatalogItem`."""

    metadata: Metadata
    form: Form
    mode: Literal["manual", "automatic"]
    manual: tuple[Action, ...]
    automatic: tuple[Action, ...]
    kind: Literal["CatalogItem"] = "CatalogItem"


@dataclass(frozen=True)
class Component:
    """One item inside a bundle."""

    id: str
    catalog_item: str
    depends_on: tuple[str, ...] = ()
    inputs: Mapping[str, str] = field(default_factory=dict)
    when: str = ""


@dataclass(frozen=True)
class Bundle:
    """A `CatalogBundle`."""

    metadata: Metadata
    form: Form
    components: tuple[Component, ...]
    mode: Literal["sequential", "parallel"] = "sequential"
    link_type: str = "blocks"
    parent_ticket: bool = False
    on_failure: Literal["stop", "rollback"] = "stop"
    kind: Literal["CatalogBundle"] = "CatalogBundle"


Document = Item | Bundle

_METADATA_KEYS = {"id", "name", "description", "version", "category", "owner"}


def document_from(definition: Mapping[str, Any]) -> Document:
    """Return the item or bundle that the checked plain data of a document describes."""
    return bundle_from(definition) if definition["kind"] == "CatalogBundle" else item_from(definition)


def item_from(definition: Mapping[str, Any]) -> Item:
    """Return the item that the checked plain data describes."""
    fulfillment = definition["fulfillment"]
    return Item(
        metadata=_metadata(definition["metadata"]),
        form=form_from(definition["input"]["form"]),
        mode=fulfillment["strategy"]["mode"],
        manual=_actions(fulfillment.get("manual")),
        automatic=_actions(fulfillment.get("automatic")),
    )


def bundle_from(definition: Mapping[str, Any]) -> Bundle:
    """Return the bundle that the checked plain data describes."""
    orchestration = (definition.get("fulfillment") or {}).get("orchestration") or {}
    linking = orchestration.get("jiraLinking") or {}
    return Bundle(
        metadata=_metadata(definition["metadata"]),
        form=form_from(definition["input"]["form"]),
        components=tuple(_component(component) for component in definition["components"]),
        mode=orchestration.get("mode", "sequential"),
        link_type=linking.get("linkType", "blocks"),
        parent_ticket=bool(linking.get("parentTicket", False)),
        on_failure=orchestration.get("onFailure", "stop"),
    )


def _metadata(data: Mapping[str, Any]) -> Metadata:
    owner = data.get("owner") or {}
    return Metadata(
        id=data["id"],
        name=displayable(data["name"]) or data["id"],
        description=displayable(data.get("description") or ""),
        version=data["version"],
        category=data.get("category") or "",
        owner=Owner(team=owner.get("team") or "", contact=displayable(owner.get("contact") or "")),
        custom={key: value for key, value in data.items() if key not in _METADATA_KEYS},
    )


def form_from(data: Mapping[str, Any]) -> Form:
    """Return the form that the checked plain data of `input.form` describes."""
    return Form(
        name_label=displayable(data.get("name") or "") or "Name",
        name_description=displayable(data.get("description") or ""),
        groups=tuple(_group(group) for group in data.get("groups") or ()),
    )


def _group(data: Mapping[str, Any]) -> Group:
    return Group(
        id=data["id"],
        name=displayable(data.get("name") or "") or label_of(data["id"]),
        fields=tuple(_field(entry) for entry in data.get("fields") or ()),
        visible_when=data.get("visibleWhen") or "",
    )


def _field(data: Mapping[str, Any]) -> Field:
    return Field(
        id=data["id"],
        name=displayable(data.get("name") or "") or label_of(data["id"]),
        type=data["type"],
        required=bool(data.get("required", False)),
        default=data.get("default"),
        description=displayable(data.get("description") or ""),
        placeholder=displayable(data.get("placeholder") or ""),
        enum=tuple(data.get("enum") or ()),
        validation=data.get("validation") or {},
        visible_when=data.get("visibleWhen") or "",
        immutable=bool(data.get("immutable", False)),
    )


def _actions(data: Mapping[str, Any] | None) -> tuple[Action, ...]:
    return tuple(action_from(action) for action in (data or {}).get("actions") or ())


def action_from(data: Mapping[str, Any]) -> Action:
    """Return the action that its checked plain data describes."""
    return Action(
        type=data["type"],
        config=data["config"],
        id=data.get("id") or "",
        outputs=data.get("outputs") or {},
        when=data.get("when") or "",
        rollback=tuple(action_from(action) for action in data.get("rollback") or ()),
    )


def _component(data: Mapping[str, Any]) -> Component:
    return Component(
        id=data["id"],
        catalog_item=data["catalogItem"],
        depends_on=tuple(data.get("dependsOn") or ()),
        inputs=data.get("inputs") or {},
        when=data.get("when") or "",
    )


def label_of(identifier: str) -> str:
    """Return a label for a camelCase id that has none: `instanceClass` → `Instance Class`."""
    words = "".join(f" {letter}" if letter.isupper() else letter for letter in identifier)
    return words[:1].upper() + words[1:]
