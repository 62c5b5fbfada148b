"""Submitting: validate, then store request, tasks, audit and first message in one transaction; call nothing outside."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.conf import settings
from django.db import transaction

from catalog import queries as catalog
from catalog.domain import forms
from catalog.domain.documents import Bundle, Document, Form, document_from
from pao import rows
from pao.core.clock import now
from pao.core.context import Principal, correlation_id
from pao.core.errors import BadInput, FormChanged, ItemUnavailable
from pao.core.ids import new_id
from pao.failpoints import failpoint
from requests_app import dispatch, loglines, sealing, transitions, uploads
from requests_app.domain import planner, reasons
from requests_app.models import FulfillmentTask, ResourceRequest, UploadedFile


@dataclass(frozen=True)
class Draft:
    """What a submission would store: request, tasks and files, checked, and none of it stored yet."""

    document: Document
    request: ResourceRequest
    tasks: tuple[FulfillmentTask, ...]
    files: Mapping[str, UploadedFile]


def submit(
    *, entry_id: str, form_data: Mapping[str, Any], by: Principal, form_version: str | None = None
) -> ResourceRequest:
    """Accept a request for a catalog entry and return it, stored, its first task queued.

    Raises as `draft` does, and then nothing is stored.
    """
    made = draft(entry_id=entry_id, form_data=form_data, by=by, form_version=form_version)
    accept(made, by=by)
    return made.request


def accept(made: Draft, *, by: Principal) -> None:
    """Store a draft, its first task queued; request and tasks of it are afterwards as the tables have them."""
    request, tasks = made.request, list(made.tasks)
    # Within a caller's transaction no part of it: whoever fails here takes all of it back.
    with transaction.atomic(savepoint=False), rows.gathered():
        transitions.submit(request, tasks, reason=reasons.SUBMITTED, by=by)
        uploads.attach(made.files, request)
        loglines.add(request, f"Submitted by {by.id}: {len(tasks)} tasks.", by=by.id, commit=request.commit)
        dispatch.dispatch_ready(request, tasks, by=by)
        rows.change(request, "version")
        failpoint("submit.before_commit")
        # On commit: under an idempotency key the transaction is the caller's, and ends later than this block.
        transaction.on_commit(partial(failpoint, "submit.after_commit"))


def draft(*, entry_id: str, form_data: Mapping[str, Any], by: Principal, form_version: str | None = None) -> Draft:
    """Check a submission and return what it would store; writes nothing, so a dry run begins here, too.

    Raises `CatalogItemNotFound`, `ItemUnavailable`, `FormChanged` (when `form_version` is given and old),
    `ValidationFailed`, and `SecretUnavailable` when there is no key to seal a password with.
    """
    offer = catalog.offer(entry_id, tenant=by.tenant)
    document = document_from(offer.definition)
    if form_version is not None and form_version != forms.form_version(document.form):
        raise FormChanged(f"{entry_id} has a newer form.", current=forms.form_version(document.form))
    values = forms.validate(document.form, form_data)
    taken = uploads.take(document.form, values, entry_id=entry_id, by=by)
    planned = planner.plan(document, offer.definitions(), force_manual=settings.PAO_FORCE_MANUAL)
    if not planned:
        raise ItemUnavailable(f"{entry_id} has no actions to run.")
    request = _request(offer, document, taken.values, by)
    return Draft(document, request, tuple(task_of(request, task) for task in planned), taken.files)


def _request(offer: catalog.Offer, document: Document, values: Mapping[str, Any], by: Principal) -> ResourceRequest:
    correlation = correlation_id.get()
    if not correlation:
        raise BadInput("A request needs a correlation id; the door that received it sets one.")
    request_id = new_id()
    return ResourceRequest(
        id=request_id,
        tenant=by.tenant,
        correlation_id=correlation,
        entry_id=offer.entry_id,
        entry_kind=offer.kind,
        entry_name=document.metadata.name,
        entry_version=document.metadata.version,
        commit=offer.commit,
        owner_team=offer.owner_team,
        name=values["name"],
        form_data=forms.masked_values(document.form, values),
        sealed_values=sealed_values(document.form, values),
        snapshot=offer.snapshot(),
        mode=mode_of(document),
        forced_manual=settings.PAO_FORCE_MANUAL,
        requester=by.id,
        requester_name=by.name,
        requester_email=by.email,
        requester_teams=list(by.teams),
        created_at=now(),
    )


def sealed_values(form: Form, values: Mapping[str, Any]) -> str:
    """Return what stands in the password fields of checked form data, sealed. Raises `SecretUnavailable`."""
    secrets = {".".join(path): value for path in forms.secret_paths(form) if (value := _at(values, path)) is not None}
    return sealing.seal(secrets)


def mode_of(document: Document) -> str:
    """Return whether the components of a document run one after another or side by side; an item has one."""
    return document.mode if isinstance(document, Bundle) else "sequential"


def _at(values: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = values
    for step in path:
        if not isinstance(value, Mapping) or step not in value:
            return None
        value = value[step]
    return value


def task_of(request: ResourceRequest, planned: planner.PlannedTask) -> FulfillmentTask:
    """Return a planned task of a request as a row that is not stored yet and waits for its turn."""
    return FulfillmentTask(
        tenant=request.tenant,
        resource_request=request,
        component_id=planned.component_id,
        item_id=planned.item_id,
        component_index=planned.component_index,
        action_index=planned.action_index,
        sequence_index=planned.sequence_index,
        depends_on=list(planned.depends_on),
        action_type=planned.action_type,
        action=dict(planned.action),
        state_reason=reasons.WAITING_FOR_TURN.as_dict(),
    )
