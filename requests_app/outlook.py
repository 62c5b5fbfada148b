"""What a retry on the latest version would do: the offer of now, held against what a request was accepted with."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from django.conf import settings

from catalog import queries as catalog
from catalog.domain import forms
from catalog.domain.diff import Difference, difference
from catalog.domain.documents import Document, Form, document_from
from pao.core.errors import CatalogItemNotFound, Detail, ItemUnavailable, ValidationFailed
from requests_app import sealing, settling
from requests_app.domain import planner, renewal
from requests_app.domain.renewal import Step
from requests_app.models import FulfillmentTask, ResourceRequest
from requests_app.submit import mode_of, sealed_values

_NOTHING_NEWER = "The catalog offers the version that the request has. Retry on that."


@dataclass(frozen=True)
class DocumentChange:
    """A document that differs: its version before and after, empty where it is not there, and what changed in it."""

    id: str
    before: str
    after: str
    difference: Difference

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)


@dataclass(frozen=True)
class Made:
    """What a request would be done by."""

    snapshot: Mapping[str, Any]
    form_data: Mapping[str, Any]
    sealed_values: str
    mode: str
    forced_manual: bool
    entry_name: str
    owner_team: str


@dataclass(frozen=True)
class Outlook:
    """The difference that the latest version makes to a request, and why it cannot take it, if so.

    `seen` marks all of it, state of the request included: 16 hexadecimal digits.
    """

    seen: str
    before: Mapping[str, str]
    after: Mapping[str, str]
    documents: tuple[DocumentChange, ...]
    steps: tuple[Step, ...]
    refusals: tuple[str, ...]
    problems: tuple[Detail, ...]
    tasks: tuple[FulfillmentTask, ...]
    made: Made

    @property
    def is_possible(self) -> bool:
        """Whether nothing stands against it."""
        return not self.refusals and not self.problems


class _Fitted(NamedTuple):
    form_data: Mapping[str, Any]
    sealed_values: str
    problems: tuple[Detail, ...]


def look(request: ResourceRequest, tasks: Sequence[FulfillmentTask]) -> Outlook:
    """Return what the latest version means for a request with these tasks. Raises `ItemUnavailable`."""
    offer, document = _offer(request)
    snapshot = offer.snapshot()
    planned = planner.plan(document, offer.definitions(), force_manual=settings.PAO_FORCE_MANUAL)
    renewed = renewal.renew(tasks, planned, settling.traces_of(tasks))
    documents = _changes(request.snapshot, snapshot)
    is_newer = bool(documents) or request.forced_manual != settings.PAO_FORCE_MANUAL
    fitted = _fitted(request, document.form)
    return Outlook(
        seen=_mark(request, snapshot),
        before={"version": request.entry_version, "commit": request.commit},
        after={"version": offer.version, "commit": offer.commit},
        documents=documents,
        steps=renewed.steps,
        refusals=renewed.refusals if is_newer else (_NOTHING_NEWER,),
        problems=fitted.problems,
        tasks=tuple(tasks),
        made=Made(
            snapshot=snapshot,
            form_data=fitted.form_data,
            sealed_values=fitted.sealed_values,
            mode=mode_of(document),
            forced_manual=settings.PAO_FORCE_MANUAL,
            entry_name=document.metadata.name,
            owner_team=offer.owner_team,
        ),
    )


def _offer(request: ResourceRequest) -> tuple[catalog.Offer, Document]:
    """Return what the catalog offers under the entry's id now; `ItemUnavailable` when the request cannot take it."""
    instead = "The request can be retried on the version it was accepted with."
    try:
        offer = catalog.offer(request.entry_id, tenant=request.tenant)
    except CatalogItemNotFound:
        raise ItemUnavailable(f"The catalog does not offer {request.entry_id} any more. {instead}") from None
    except ItemUnavailable as error:
        raise ItemUnavailable(f"{error.message} {instead}") from None
    if offer.kind != request.entry_kind:
        raise ItemUnavailable(f"{request.entry_id} is a {offer.kind} now, and was a {request.entry_kind}. {instead}")
    return offer, document_from(offer.definition)


def _documents(snapshot: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {snapshot["entry"]["id"]: snapshot["entry"], **snapshot["items"]}


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[DocumentChange, ...]:
    old, new = _documents(before), _documents(after)
    changes = []
    for each in dict.fromkeys([*new, *old]):
        one, other = old.get(each, {}), new.get(each, {})
        found = difference(one.get("definition", {}), other.get("definition", {}))
        if found.changes:
            changes.append(DocumentChange(each, one.get("version", ""), other.get("version", ""), found))
    return tuple(changes)


def _mark(request: ResourceRequest, snapshot: Mapping[str, Any]) -> str:
    definitions = {each: part["definition"] for each, part in _documents(snapshot).items()}
    all_of_it = [str(request.pk), request.version, definitions, settings.PAO_FORCE_MANUAL]
    return hashlib.sha256(json.dumps(all_of_it, sort_keys=True).encode()).hexdigest()[:16]


def _fitted(request: ResourceRequest, form: Form) -> _Fitted:
    """Hold what was submitted against the newer form, as a submission would; what was a password must stay one."""
    values: dict[str, Any] = deepcopy(request.form_data)
    secrets = sealing.unseal(request.sealed_values)
    for path, value in secrets.items():
        group, _, name = path.partition(".")
        values[group][name] = value
    try:
        fitting = forms.validate(form, values)
    except ValidationFailed as failed:
        return _Fitted({}, "", failed.details)
    kept = {".".join(path) for path in forms.secret_paths(form)}
    open_now = [path for path in secrets if path not in kept and _is_there(fitting, path)]
    if open_now:
        issue = "It was a password, and is none in the newer form: everybody could read it."
        return _Fitted({}, "", tuple(Detail(path, issue, "SECRET") for path in open_now))
    return _Fitted(forms.masked_values(form, fitting), sealed_values(form, fitting), ())


def _is_there(values: Mapping[str, Any], path: str) -> bool:
    group, _, name = path.partition(".")
    return name in (values.get(group) or {})
