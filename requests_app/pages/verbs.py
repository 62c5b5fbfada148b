"""The verbs of people behind buttons, for the pages and for the admin: what is sent, what is done, what is said."""

import json
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, QueryDict

from pao.api.idempotency import guard
from pao.core.context import Principal
from pao.core.errors import Conflict, IdempotencyKeyReused, NotFound, PaoError, PreconditionFailed, ValidationFailed
from pao.core.ids import new_id
from pao.identity import principal_of
from requests_app import queries
from requests_app.abort import abort
from requests_app.confirm import confirm
from requests_app.escalate import escalate
from requests_app.models import ResourceRequest
from requests_app.pages.tracking import track
from requests_app.resolve import OUTCOMES, resolve
from requests_app.retry_latest import LATEST, SNAPSHOT, retry_on

LONGEST_REASON = 500
OUTPUT = "output:"
_DONE = {
    "retry": "It runs again.",
    "resolve": "The task is settled, and the request goes on.",
    "escalate": "Tickets are opened for everything that was not done.",
    "confirm": "The request is completed.",
    "abort": "The request is aborted; nothing of it will start any more.",
}
_VERBS: Mapping[str, Callable[..., ResourceRequest]] = {
    "retry": retry_on,
    "escalate": escalate,
    "confirm": confirm,
    "abort": abort,
}


class VerbForm(forms.Form):
    """What a verb's form sends: why, and what it had told of the consequence; a retry's has more."""

    reason = forms.CharField(max_length=LONGEST_REASON, required=False)
    confirm_no_effect = forms.BooleanField(required=False)
    on = forms.ChoiceField(choices=[(SNAPSHOT, SNAPSHOT), (LATEST, LATEST)], required=False)
    seen = forms.CharField(max_length=64, required=False)
    told = forms.CharField(max_length=64, required=False)
    idempotency_key = forms.RegexField(r"^[!-~]{1,64}$", required=False)

    def __init__(self, data: QueryDict, *, needs_reason: bool) -> None:
        """Take what was posted; `needs_reason` refuses it without one."""
        super().__init__(data)
        self.fields["reason"].required = needs_reason


class ResolveForm(VerbForm):
    """What the form of a halted task sends: how it ended, what it gave, and one reference."""

    outcome = forms.ChoiceField(choices=[(outcome, outcome) for outcome in OUTCOMES])
    key = forms.CharField(max_length=512, required=False)
    url = forms.CharField(max_length=512, required=False)

    def said(self) -> dict[str, Any]:
        """Return what the verb takes. Outputs are texts, or JSON where a text reads as such; an empty one is none."""
        sent = self.cleaned_data
        given = {name.removeprefix(OUTPUT): value for name, value in self.data.items() if name.startswith(OUTPUT)}
        return {
            "outcome": sent["outcome"],
            "reason": sent["reason"],
            "outputs": {name: _value(value) for name, value in given.items() if value},
            "references": [{"key": sent["key"], "url": sent["url"]}] if sent["key"] or sent["url"] else [],
        }


def press(
    request: HttpRequest,
    request_id: uuid.UUID,
    verb: str,
    *,
    task_id: uuid.UUID | None = None,
    needs_reason: bool = False,
) -> None:
    """Do what a button asks for, and leave a message that says what was done or why nothing was.

    Raises `RequestNotFound` and `Forbidden`. A button pressed twice acts once: its form carries a key (F02).
    """
    principal = principal_of(request)
    found = queries.visible_request(request_id, principal)
    queries.must_act(found, principal, verb)
    needs_reason = needs_reason or task_id is not None
    sent = (VerbForm if task_id is None else ResolveForm)(request.POST, needs_reason=needs_reason)
    if not sent.is_valid():
        wanted = "a reason is needed, of" if needs_reason else "a reason may have"
        messages.error(request, f"Nothing was done: {wanted} {LONGEST_REASON} characters at most.")
        return
    try:
        _act(request.path, found, verb, sent, task_id, principal)
    except ValidationFailed as error:
        problems = " ".join(f"{detail.field}: {detail.issue}" for detail in error.details)
        messages.error(request, f"Nothing was done. {problems}")
    except (Conflict, IdempotencyKeyReused, NotFound) as error:
        messages.error(request, refusal(error))
    else:
        messages.success(request, _DONE[verb])


def fresh_keys() -> dict[str, str]:
    """Return an idempotency key for each verb's form."""
    return {verb: str(new_id()) for verb in _DONE}


def refusal(error: PaoError) -> str:
    """Return a refusal for people: that nothing was done, why, and what is possible instead."""
    allowed = error.facts.get("allowed")
    instead = f" Possible now: {', '.join(allowed)}." if allowed else ""
    return f"Nothing was done. {error.message}{instead}"


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _must_be_as_told(found: ResourceRequest, verb: str, told: str, principal: Principal) -> None:
    """Raise `PreconditionFailed` when a button would do something else by now than its page said."""
    now_told = getattr(track(found, principal), verb, None)
    if now_told is not None and told not in {"", now_told.mark}:
        raise PreconditionFailed(
            f"The request has gone on since the page was shown. Now it is so: {now_told.consequence} "
            "Press again if that is what you want."
        )


def _act(
    path: str, found: ResourceRequest, verb: str, sent: VerbForm, task_id: uuid.UUID | None, principal: Principal
) -> None:
    body: dict[str, Any] = {"reason": sent.cleaned_data["reason"]}
    if isinstance(sent, ResolveForm) and task_id is not None:
        body = sent.said()
        act: Callable[..., ResourceRequest] = partial(resolve, task_id=task_id)
    else:
        act = _VERBS[verb]
    if verb == "retry":
        body["confirm_no_effect"] = sent.cleaned_data["confirm_no_effect"]
        body["on"] = sent.cleaned_data["on"] or SNAPSHOT
        body["seen"] = sent.cleaned_data["seen"]
    with guard(principal, sent.cleaned_data["idempotency_key"] or None, endpoint=f"POST {path}", body=body) as call:
        if call.replay is not None:
            return
        if sent.cleaned_data["told"]:
            _must_be_as_told(found, verb, sent.cleaned_data["told"], principal)
        act(resource_request_id=found.pk, by=principal, **body)
        call.answer({"id": str(found.pk)}, status=202)
