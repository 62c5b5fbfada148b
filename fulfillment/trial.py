"""Trying templates before anything is pushed: what each says with given values, and where every value comes from.

Pure but for the platform's settings: nothing is stored, nothing is called, secrets come as `[secret]`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

from catalog.domain.documents import FieldType
from catalog.domain.findings import did_you_mean
from catalog.domain.plain import mapping
from catalog.domain.templating import (
    MISSING,
    NAMESPACES,
    Reference,
    Scope,
    Template,
    masked,
    parse,
    render_value,
)
from fulfillment.render import LONGEST_CONFIG, RENDERERS, length_of
from pao.core.clock import monotonic
from pao.core.errors import TemplateError, TemplateSyntaxError

State = Literal["value", "missing", "unknown"]
Path = tuple[str | int, ...]

# Searching the nearest name takes its time: a hostile body could ask for a million searches.
_MOST_KNOWN = 300
_MOST_HINTS = 20
LONGEST_VALUE = 500
"""Characters of a referenced value that are shown beside its reference."""
MOST_ENTRIES = 20
"""Entries of a list or an object that are shown."""
MOST_DEPTH = 3
MOST_SECONDS = 2.0
_TOO_SLOW = f"Not shown: the trial took longer than {MOST_SECONDS:.0f} seconds; try fewer templates at once."


class Budget:
    """How much one trial may still tell, and how long it may take: a small body could ask for a great deal of work."""

    def __init__(self) -> None:
        """Begin with what all templates of an action may become together, and with `MOST_SECONDS`."""
        self._left = LONGEST_CONFIG
        self._deadline = monotonic() + MOST_SECONDS

    def spend(self, value: Any) -> None:
        """Count what is told. Raises `TemplateError` when it is more than one trial may tell, or takes too long."""
        self._left -= length_of(value)
        if self._left < 0:
            raise TemplateError(f"Not shown: all of this trial together is longer than {LONGEST_CONFIG} characters.")
        if self.is_over:
            raise TemplateError(_TOO_SLOW)

    @property
    def is_over(self) -> bool:
        """Whether the time of the trial has passed."""
        return monotonic() > self._deadline


@dataclass(frozen=True)
class TriedReference:
    """One reference of a template: where it points, what it gives before its pipeline, and where that comes from."""

    reference: str
    functions: tuple[str, ...]
    state: State
    source: str
    value: Any = None
    hint: str = ""


@dataclass(frozen=True)
class TriedTemplate:
    """One template with what it says; `error` says why it says nothing."""

    path: Path
    context: str
    template: str
    output: Any = None
    error: str = ""
    references: tuple[TriedReference, ...] = ()


@dataclass(frozen=True)
class Flow:
    """An output on its way: which action makes it, and where it is taken."""

    output: str
    producer: Path
    consumer: Path


@dataclass(frozen=True)
class Trial:
    """All templates and conditions that were tried, the form fields (`basic.size`) that nothing reads, and outputs."""

    templates: tuple[TriedTemplate, ...]
    unused_fields: tuple[str, ...] = ()
    flows: tuple[Flow, ...] = ()


def try_template(text: str, *, context: str, namespaces: Mapping[str, Any], types: Mapping[str, FieldType]) -> Trial:
    """Return what one template says in a context, with the namespaces as given.

    `types` holds declared types of form fields by dotted path (`basic.size`); a password is masked. A reference to
    nothing is unknown here, as nothing but the given values is known.
    """
    paths = {tuple(name.split(".")): kind for name, kind in types.items()}
    secrets = {("current", *path) for path, kind in paths.items() if kind == "password"}
    given = {name: mapping(namespaces.get(name)) for name in NAMESPACES}
    scope = masked(
        Scope(
            current=given["current"],
            output=given["output"],
            metadata=given["metadata"],
            system=given["system"],
            types=paths,
            secret_paths=frozenset(secrets),
        )
    )
    known = list(islice((path for name in NAMESPACES for path in _paths(given[name], (name,))), _MOST_KNOWN))
    template = parsed(text, (), context)
    if isinstance(template, TriedTemplate):
        return Trial((template,))
    references = (
        _given(reference, scope, known if index < _MOST_HINTS else ())
        for index, reference in enumerate(template.references)
    )
    return Trial((tried((), context, template, scope, references, Budget()),))


def parsed(text: str, path: Path, context: str) -> Template | TriedTemplate:
    """Return the parsed template, or the template as tried with what is wrong in it."""
    try:
        return parse(text)
    except TemplateSyntaxError as error:
        return TriedTemplate(path, context, text, error=error.message)


def tried(
    path: Path,
    context: str,
    template: Template,
    scope: Scope,
    references: Iterable[TriedReference],
    budget: Budget,
) -> TriedTemplate:
    """Return the template with what it says in a context of the schemas, or `input` for a component's."""
    render = render_value if context == "input" else RENDERERS[context]
    told: tuple[TriedReference, ...] = ()
    try:
        told = tuple(_within(budget, references))
        output = _shown(render(template, scope))
        budget.spend(output)
    except TemplateError as error:
        return TriedTemplate(path, context, template.text, error=error.message, references=told)
    return TriedTemplate(path, context, template.text, output, references=told)


def _within(budget: Budget, references: Iterable[TriedReference]) -> Iterator[TriedReference]:
    for reference in references:
        budget.spend([reference.value, reference.hint])
        yield reference


def _shown(rendered: Any) -> Any:
    """Return rich text as the text that people read; its markup is made where the ticket is."""
    return "".join(run.text for run in rendered) if isinstance(rendered, tuple) else rendered


def _given(reference: Reference, scope: Scope, known: Sequence[tuple[str, ...]]) -> TriedReference:
    value = scope.resolve(reference)
    if value is not MISSING:
        return tried_reference(reference, "value", "the values given", value)
    if _is_null(scope, reference):
        return tried_reference(reference, "missing", "the values given: null")
    hint = did_you_mean(str(reference), [f".{'.'.join(path)}" for path in known])
    return tried_reference(reference, "unknown", "nothing", hint=hint)


def _is_null(scope: Scope, reference: Reference) -> bool:
    holder: Any = getattr(scope, reference.namespace)
    for segment in reference.segments[:-1]:
        holder = mapping(holder).get(segment)
    return reference.segments[-1] in mapping(holder)


def tried_reference(
    reference: Reference, state: State, source: str, value: Any = None, hint: str = ""
) -> TriedReference:
    """Return a reference as a trial tells of it."""
    functions = tuple(call.function for call in reference.functions)
    return TriedReference(str(reference), functions, state, source, _cut(value), hint)


def _cut(value: Any, depth: int = 0) -> Any:
    """Return as much of a value as shows what it is, without walking through all of it."""
    if isinstance(value, str):
        return value if len(value) <= LONGEST_VALUE else f"{value[:LONGEST_VALUE]}…"
    if not isinstance(value, list | tuple | Mapping):
        return value
    if depth == MOST_DEPTH:
        return "…"
    is_long = len(value) > MOST_ENTRIES
    if isinstance(value, Mapping):
        shown = {key[:LONGEST_VALUE]: _cut(entry, depth + 1) for key, entry in islice(value.items(), MOST_ENTRIES)}
        return shown | ({"…": "…"} if is_long else {})
    return [_cut(entry, depth + 1) for entry in value[:MOST_ENTRIES]] + (["…"] if is_long else [])


def _paths(value: Any, start: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for key, child in mapping(value).items():
        yield (*start, str(key))
        yield from _paths(child, (*start, str(key)))
