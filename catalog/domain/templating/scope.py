"""What references point at: the four namespaces of one task, and how a reference becomes a value.

A scope belongs to one rendering and holds plain data; nothing here keeps anything between two calls.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from catalog.domain.documents import FieldType
from catalog.domain.templating.functions import apply
from catalog.domain.templating.grammar import Reference
from catalog.domain.templating.values import MASK, MISSING, UnwritableError, is_missing, json_of, text_of
from pao.core.errors import TemplateError

ALWAYS_SECRET = frozenset({("system", "platform", "apiKey")})

Path = tuple[str, ...]


@dataclass(frozen=True)
class Scope:
    """The values that templates of one task may reach.

    `types` holds the declared types of form fields by their path under `.current`: `("basic", "size")`.
    `secret_paths` holds full paths, namespace first: `("current", "basic", "password")`, `("output", "token")`;
    `.system.platform.apiKey` is secret in any case.
    """

    current: Mapping[str, Any] = field(default_factory=dict)
    output: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    system: Mapping[str, Any] = field(default_factory=dict)
    types: Mapping[Path, FieldType] = field(default_factory=dict)
    secret_paths: frozenset[Path] = frozenset()
    is_masked: bool = False

    def resolve(self, reference: Reference) -> Any:
        """Return the value a reference points at, before its pipeline, or `MISSING` (R23); null is missing (B57).

        Only mappings are stepped into. In a masked scope whatever is secret comes as `[secret]`.
        """
        value: Any = getattr(self, reference.namespace)
        for segment in reference.segments:
            if not isinstance(value, Mapping) or segment not in value:
                return MISSING
            value = value[segment]
        if is_missing(value):
            return MISSING
        if self.is_masked:
            for secret in self._secrets_by(reference):
                if _touch(reference.path, secret):
                    value = _with_mask(value, secret[len(reference.path) :])
        return value

    def is_secret(self, reference: Reference) -> bool:
        """Say whether the reference points at a secret, into one, or at an object that holds one."""
        path = reference.path
        return any(_touch(path, secret) for secret in self._secrets_by(reference))

    def hides(self, reference: Reference) -> bool:
        """Say whether this scope shows nothing but the mask for the reference."""
        path = reference.path
        return self.is_masked and any(path[: len(secret)] == secret for secret in self._secrets_by(reference))

    def declared_type(self, reference: Reference) -> FieldType | None:
        """Return the type of the form field the reference points at, or None when it points at none."""
        return self.types.get(reference.segments) if reference.namespace == "current" else None

    def _secrets_by(self, reference: Reference) -> tuple[Path, ...]:
        """Return the secrets that begin like the reference: the others cannot touch it."""
        return self._secrets.get(reference.path[:2], ())

    @cached_property
    def _secrets(self) -> Mapping[Path, tuple[Path, ...]]:
        found: dict[Path, tuple[Path, ...]] = {}
        for secret in self.secret_paths | ALWAYS_SECRET:
            found[secret[:2]] = (*found.get(secret[:2], ()), secret)
        return found


def masked(scope: Scope) -> Scope:
    """Return the same scope with every secret shown as `[secret]`, for dry runs, logs and tickets (R22, B60).

    Pipelines are not applied to a mask: what is derived from a secret (base64, upper case) discloses it too.
    """
    return scope if scope.is_masked else replace(scope, is_masked=True)


def evaluate(reference: Reference, scope: Scope) -> Any:
    """Return the value of a reference after its pipeline, or `MISSING`.

    Raises `TemplateError` with the reference and the reason, never with the value.
    """
    value = scope.resolve(reference)
    if value is not MISSING and scope.hides(reference):
        return MASK
    try:
        for call in reference.functions:
            value = apply(call.function, value, call.arguments)
    except UnwritableError as problem:
        raise unwritable(reference, str(problem)) from None
    return MISSING if value is None else value


def written(value: Any, reference: Reference) -> str:
    """Return a value as plain text; raises `TemplateError` when it has none. The reference is for the message."""
    try:
        return text_of(value)
    except UnwritableError as problem:
        raise unwritable(reference, str(problem)) from None


def written_as_json(value: Any, reference: Reference, *, indent: int | None = None) -> str:
    """Return a value as JSON text; raises `TemplateError` when it has none. The reference is for the message."""
    try:
        return json_of(value, indent=indent)
    except UnwritableError as problem:
        raise unwritable(reference, str(problem)) from None


def unwritable(reference: Reference, reason: str) -> TemplateError:
    """Return the error that says why the reference cannot be written where it stands."""
    return TemplateError(f"{{{{{reference}}}}}: {reason}.", reference=str(reference), reason=reason)


def _touch(path: Path, secret: Path) -> bool:
    shared = min(len(path), len(secret))
    return path[:shared] == secret[:shared]


def _with_mask(value: Any, rest: Path) -> Any:
    if not rest:
        return MASK
    if not isinstance(value, Mapping) or is_missing(value.get(rest[0])):
        return value
    return {**value, rest[0]: _with_mask(value[rest[0]], rest[1:])}
