"""The page of an entry: what it is, what happens when its form is submitted, and the form."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import reverse

from catalog import cache
from catalog import queries as catalog
from catalog.domain import forms
from catalog.domain.documents import Bundle, Document, document_from
from catalog.models import CatalogEntry
from pao.api.idempotency import guard
from pao.core.errors import (
    Detail,
    FormChanged,
    IdempotencyInProgress,
    IdempotencyKeyRequired,
    IdempotencyKeyReused,
    ItemUnavailable,
    PaoError,
    ValidationFailed,
)
from pao.core.ids import new_id
from pao.identity import principal_of
from requests_app.domain import planner
from requests_app.models import UploadedFile
from requests_app.pages import fields, files, graph
from requests_app.pages.only_when import only_when
from requests_app.pages.words import action_sentence, after
from requests_app.submit import submit
from requests_app.uploads import file_fields

KEY = "idempotency_key"
FORM_VERSION = "form_version"
_STALE_KEY = (IdempotencyKeyReused, IdempotencyKeyRequired)


@dataclass(frozen=True)
class Stage:
    """What happens for one component, or for the whole item."""

    title: str
    entry_id: str
    waits_for: str
    only_when: str
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Attempt:
    """A submission that was refused: what was posted, why, its files, and whether its key may be used again."""

    post: QueryDict
    error: PaoError
    kept: Mapping[str, UploadedFile] = field(default_factory=dict)

    @property
    def details(self) -> Sequence[Detail]:
        """What is wrong, by field."""
        return self.error.details if isinstance(self.error, ValidationFailed) else ()

    @property
    def key(self) -> str:
        """The key for the next try: the same for the same values, a fresh one when this one was used up."""
        given = self.post.get(KEY, "")
        return str(new_id()) if isinstance(self.error, _STALE_KEY) or not given else given


def show(request: HttpRequest, item_id: str, attempt: Attempt | None = None) -> HttpResponse:
    """Answer with the page of an entry, after a refused attempt with its values and what is wrong with them."""
    tenant = principal_of(request).tenant
    # After a refusal the newest: what was refused may have been the older form.
    served = cache.entry(item_id, tenant=tenant, fresh=attempt is not None)
    entry, document = served.entry, served.document
    sets = fields.field_sets(document.form, attempt.post if attempt else None, attempt.details if attempt else ())
    sets = files.with_uploads(sets, attempt.kept if attempt else {})
    facts = {
        "entry": entry,
        "is_bundle": isinstance(document, Bundle),
        "field_sets": sets,
        "is_conditional": fields.is_conditional(sets),
        "takes_files": bool(file_fields(document.form)),
        "complaints": fields.complaints(sets, attempt.details) if attempt else (),
        "refusal": attempt.error if attempt and not attempt.details else None,
        "key": attempt.key if attempt else str(new_id()),
        "form_version": served.form_version,
        "graph": graph.draw(document.components) if isinstance(document, Bundle) else None,
        "forced_manual": settings.PAO_FORCE_MANUAL and not _is_manual(entry),
        **_plan(entry, document, tenant),
    }
    # A refused form is shown again with 200, as browsers report any other status as a fault of the page.
    return render(request, "entry.html", facts)


def post(request: HttpRequest, item_id: str) -> HttpResponse:
    """Submit the form: 303 to the tracking page, or the page again with what is wrong.

    The form's hidden key makes a double click one request (F01); a second click that meets the first one still at work
    goes to the list, where the request appears.
    """
    principal = principal_of(request)
    form = document_from(catalog.entry(item_id, tenant=principal.tenant)[1].definition).form
    typed = {name: request.POST.getlist(name) for name in request.POST if name not in file_fields(form)}
    received = files.receive(request, form, forms.from_html(form, typed), entry_id=item_id, by=principal)
    if received.details:
        return show(request, item_id, Attempt(request.POST, ValidationFailed(details=received.details), received.kept))
    version = request.POST.get(FORM_VERSION) or None
    try:
        with guard(
            principal,
            request.POST.get(KEY) or None,
            endpoint=f"POST {request.path}",
            body={"form_data": received.fingerprint, "form_version": version},
        ) as call:
            if call.replay is not None:
                return _see(call.replay.data["data"]["id"])
            stored = submit(entry_id=item_id, form_data=received.values, form_version=version, by=principal)
            call.answer({"id": str(stored.pk)}, status=202, kept_with=stored.pk)
    except IdempotencyInProgress:
        messages.info(request, "Your first click is still being stored; the request appears here in a moment.")
        return HttpResponseRedirect(reverse("request-list"), status=303)
    except (ValidationFailed, FormChanged, ItemUnavailable, *_STALE_KEY) as error:
        return show(request, item_id, Attempt(request.POST, error, received.kept))
    return _see(str(stored.pk))


def _see(request_id: str) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("request-detail", args=[request_id]), status=303)


def _sentence(task: planner.PlannedTask, document: Document) -> str:
    said = action_sentence(task.action_type, task.action["config"])
    return " ".join(filter(None, (said, only_when(task.action.get("when") or "", document.form))))


def _is_manual(entry: CatalogEntry) -> bool:
    return entry.mode == "manual"


def _plan(entry: CatalogEntry, document: Document, tenant: str) -> dict[str, Any]:
    """Return the stages of a request, or why none can be made now."""
    try:
        offer = cache.offer(entry.entry_id, tenant=tenant)
        planned = planner.plan(document, offer.definitions(), force_manual=settings.PAO_FORCE_MANUAL)
    except ItemUnavailable as error:
        return {"stages": (), "tasks_total": 0, "unavailable": error.message}
    parts: dict[str, list[planner.PlannedTask]] = {}
    for task in planned:
        parts.setdefault(task.component_id, []).append(task)
    conditions = {part.id: part.when for part in getattr(document, "components", ())}
    stages = tuple(
        Stage(
            title=component or entry.name,
            entry_id=tasks[0].item_id if component else "",
            waits_for=after(tasks[0].depends_on),
            only_when=only_when(conditions.get(component, ""), document.form),
            sentences=tuple(_sentence(task, document) for task in tasks),
        )
        for component, tasks in parts.items()
    )
    return {
        "stages": stages,
        "tasks_total": len(planned),
        "unavailable": "" if planned else "It has no actions to run.",
    }
