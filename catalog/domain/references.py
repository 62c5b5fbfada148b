"""What the references of templates may point at, and what is known of it before any value exists (section templates).

Rulings R1, R19, R23: the namespace is checked hard, a path that cannot exist is a warning and renders as missing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from catalog.domain.findings import did_you_mean, nearest_name
from catalog.domain.plain import fields, mapping
from catalog.domain.templating import Reference

Steps = tuple[str, ...]
Family = Literal["text", "number", "boolean", "list", "file", "object", "any"]

_FAMILIES: Mapping[str, Family] = {"number": "number", "boolean": "boolean", "multiselect": "list", "file": "file"}
_SYSTEM = (
    *((name,) for name in ("requestId", "correlationId", "timestamp", "date", "time", "uuid", "shortId")),
    *(("user", name) for name in ("email", "name", "id")),
    *(("platform", name) for name in ("account", "region", "environment")),
)


@dataclass(frozen=True)
class Target:
    """What a path points at. `optional`: it may be missing. `secret` says what the secret is, empty when it is none."""

    family: Family
    optional: bool = False
    secret: str = ""


Targets = Mapping[Steps, Target]

SYSTEM_TARGETS: Targets = {
    **{("system", *path): Target("text") for path in _SYSTEM},
    ("system", "user"): Target("object"),
    ("system", "user", "teams"): Target("list"),
    ("system", "platform"): Target("object", secret="the platform's API key"),  # noqa: S106 - a name for people, no secret
    ("system", "platform", "apiKey"): Target("text", secret="the platform's API key"),  # noqa: S106 - as above
}


def form_targets(data: Mapping[str, Any]) -> dict[Steps, Target]:
    """Return what `.current` holds for a document's form; a group that holds a password is secret as a whole."""
    targets: dict[Steps, Target] = {("current", "name"): Target("text")}
    for _, group, field in fields(data):
        steps = ("current", str(group.get("id")))
        kind = field.get("type")
        hidden = "visibleWhen" in field or "visibleWhen" in group
        optional = hidden or (field.get("required") is not True and "default" not in field)
        secret = f"the password field {field.get('id')}" if kind == "password" else ""
        target = Target(_FAMILIES.get(str(kind), "text"), optional, secret)
        targets[*steps, str(field.get("id"))] = target
        whole = targets.get(steps, Target("object"))
        targets[steps] = replace(whole, secret=whole.secret or secret)
    return targets


def metadata_targets(data: Mapping[str, Any]) -> dict[Steps, Target]:
    """Return what `.metadata.<id>` holds for a document; the owner is always there, as CODEOWNERS may supply it."""
    metadata = mapping(data.get("metadata"))
    start = ("metadata", str(metadata.get("id")))
    targets: dict[Steps, Target] = {start: Target("object")}
    for step in ((), ("team",), ("contact",)):
        targets[*start, "owner", *step] = Target("text" if step else "object")
    _add_values(metadata, start, targets)
    return targets


def _add_values(value: Any, steps: Steps, targets: dict[Steps, Target]) -> None:
    if isinstance(value, Mapping):
        targets[steps] = Target("object")
        for key, child in value.items():
            _add_values(child, (*steps, str(key)), targets)
    elif isinstance(value, bool):
        targets[steps] = Target("boolean")
    elif isinstance(value, int | float):
        targets[steps] = Target("number")
    else:
        targets[steps] = Target("list" if isinstance(value, list) else "text", optional=value is None)


def output_targets(action: Mapping[str, Any]) -> dict[Steps, Target]:
    """Return the `.output` that an action leaves behind."""
    targets: dict[Steps, Target] = {}
    for key, output in mapping(action.get("outputs")).items():
        form = mapping(output)
        secret = f"the secret output {key}" if form.get("secret") is True else ""
        # An output that is not required may be missing, but its author chose so knowingly, action by action.
        targets["output", str(key)] = Target("any", optional=False, secret=secret)
    return targets


def resolve(reference: Reference, targets: Targets) -> Target | None:
    """Return what the reference points at, or None when nothing can ever be there.

    Below an output or an uploaded file any path may exist: their members are known at run time only.
    """
    path = reference.path
    found = targets.get(path)
    if found is not None:
        return found
    for length in range(len(path) - 1, 1, -1):
        parent = targets.get(path[:length])
        if parent is not None:
            return parent if parent.family in {"any", "file"} else None
    return None


def nearest(reference: Reference, targets: Iterable[Steps]) -> str:
    """Return a hint that names the path of the nearest value, or values that stand where the reference looks.

    The last step decides what is near: paths below one group are alike however little their fields are.
    """
    known = [path for path in targets if path[0] == reference.namespace]
    holders = {path[:length] for path in known for length in range(len(path))}
    values = [path for path in known if path not in holders]
    if not values:
        return f"Nothing is known under .{reference.namespace} here."
    path = reference.path
    beside = next(
        found
        for length in range(len(path) - 1, 0, -1)
        if (found := [one for one in values if one[:length] == path[:length]])
    )
    for group in (beside, values):
        step = nearest_name(path[-1], sorted({one[-1] for one in group}))
        if step:
            return did_you_mean(str(reference), [_dotted(one) for one in group if one[-1] == step])
    return did_you_mean("", map(_dotted, beside))


def _dotted(path: Steps) -> str:
    return f".{'.'.join(path)}"


def fills_gaps(reference: Reference) -> bool:
    """Whether the pipeline settles what a missing value means."""
    return any(call.function in {"default", "required"} for call in reference.functions)
