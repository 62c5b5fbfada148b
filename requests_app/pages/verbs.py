"""The verbs of people behind buttons, for the pages and for the admin: what is sent, what is done, what is said."""

import uuid
from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, QueryDict

from pao.api.idempotency import guard
from pao.core.context import Principal
from pao.core.errors import Conflict, Forbidden, IdempotencyKeyReused, PaoError
from pao.core.ids import new_id
from pao.identity import principal_of
from requests_app import queries
from requests_app.abort import abort
from requests_app.retry import retry

LONGEST_REASON = 500
_DONE = {
    "retry": "It runs again.",
    "abort": "The request is aborted; nothing of it will start any more.",
}


class VerbForm(forms.Form):
    """What a verb's form sends: why, and for outcomes unknown that a person has looked."""

    reason = forms.CharField(max_length=LONGEST_REASON, required=False)
    confirm_no_effect = forms.BooleanField(required=False)
    idempotency_key = forms.RegexField(r"^[!-~]{1,64}$", required=False)

    def __init__(self, data: QueryDict, *, needs_reason: bool) -> None:
        """Take what was posted; `needs_reason` refuses it without one."""
        super().__init__(data)
        self.fields["reason"].required = needs_reason


def press(request: HttpRequest, request_id: uuid.UUID, verb: str, *, needs_reason: bool = False) -> None:
    """Do what a button asks for, and leave a message that says what was done or why nothing was.

    Raises `RequestNotFound` and `Forbidden`. A button pressed twice acts once: its form carries a key (F02).
    """
    principal = principal_of(request)
    found = queries.visible_request(request_id, principal)
    if not queries.may_act(found, principal):
        raise Forbidden("Only the requester, the team that owns the entry, and operators may do this.")
    sent = VerbForm(request.POST, needs_reason=needs_reason)
    if not sent.is_valid():
        wanted = "a reason is needed, of" if needs_reason else "a reason may have"
        messages.error(request, f"Nothing was done: {wanted} {LONGEST_REASON} characters at most.")
        return
    try:
        _act(request.path, request_id, verb, sent.cleaned_data, principal)
    except (Conflict, IdempotencyKeyReused) as error:
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


def _act(path: str, request_id: uuid.UUID, verb: str, sent: Mapping[str, Any], principal: Principal) -> None:
    body = {"reason": sent["reason"], "confirm_no_effect": sent["confirm_no_effect"]}
    with guard(principal, sent["idempotency_key"] or None, endpoint=f"POST {path}", body=body) as call:
        if call.replay is not None:
            return
        if verb == "retry":
            retry(resource_request_id=request_id, by=principal, **body)
        else:
            abort(resource_request_id=request_id, by=principal, reason=body["reason"])
        call.answer({"id": str(request_id)}, status=202)
