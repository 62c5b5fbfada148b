"""A verb about many: first a page that tells what would be done and what refused, then what became of each.

The pages are the same for dead letters and for requests; who calls says what is chosen, foreseen and done.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from pao.api.idempotency import guard
from pao.core.context import Principal
from pao.core.errors import IdempotencyInProgress, IdempotencyKeyReused, PaoError
from pao.core.ids import new_id
from pao.identity import principal_of
from requests_app.pages.verbs import LONGEST_REASON, VerbForm

MOST_AT_ONCE = 100


@dataclass(frozen=True)
class Line:
    """One of many, on a preview or among results; `refusal` is empty for what is, or would be, done."""

    key: str
    name: str
    url: str
    told: str
    refusal: str = ""

    @property
    def is_refused(self) -> bool:
        """Whether the verb does nothing here."""
        return bool(self.refusal)


@dataclass(frozen=True)
class Deed:
    """A verb in words: the button, what it does, `redriven`, and what it is about."""

    verb: str
    label: str
    participle: str
    consequence: str
    noun: str


Foresee = Callable[[Sequence[str], Principal], list[Line]]
Act = Callable[[Sequence[str], Principal, str], list[Line]]


@dataclass(frozen=True)
class Several:
    """What the pages need: the words, the address they post to, the list they lead back to, and both functions."""

    deed: Deed
    address: str
    back: str
    foresee: Foresee
    act: Act


def must_operate(request: HttpRequest) -> Principal:
    """Return who calls; raises PermissionDenied unless it is an operator: verbs about many belong to them."""
    principal = principal_of(request)
    if not principal.is_operator:
        raise PermissionDenied
    return principal


def is_operator(request: HttpRequest) -> bool:
    """Tell whether the caller is an operator, for lists that show their checkboxes."""
    return request.user.is_authenticated and principal_of(request).is_operator


def answer(
    request: HttpRequest, site_of: "admin.ModelAdmin[Any]", several: Several, keys: Sequence[str]
) -> HttpResponse:
    """Answer a POST about these: with `act` and a good reason by doing it, else with the preview."""
    principal = must_operate(request)
    keys = list(dict.fromkeys(keys))
    form = VerbForm(request.POST, needs_reason=True)
    if "act" not in request.POST:
        return _preview(request, site_of, several, keys)
    if not form.is_valid():
        messages.error(request, f"Nothing was done: a reason is needed, of {LONGEST_REASON} characters at most.")
        return _preview(request, site_of, several, keys)
    sent = form.cleaned_data
    try:
        lines = _once(principal, several, keys[:MOST_AT_ONCE], sent["reason"], sent["idempotency_key"])
    except (IdempotencyInProgress, IdempotencyKeyReused) as error:
        messages.error(request, f"Nothing was done by this click. {error.message}")
        return _preview(request, site_of, several, keys)
    return _page(request, site_of, several, lines, is_done=True, left=0)


def said(refusal: PaoError | None) -> str:
    """Return a refusal in a sentence, with what is possible instead; nothing for none."""
    if refusal is None:
        return ""
    allowed = refusal.facts.get("allowed")
    return refusal.message + (f" Possible now: {', '.join(allowed)}." if allowed else "")


def _once(principal: Principal, several: Several, keys: Sequence[str], reason: str, key: str) -> list[Line]:
    """Do it, and keep what became of each: the second click of a double click shows the results of the first (F02)."""
    body = {"keys": list(keys), "reason": reason}
    with guard(principal, key or None, endpoint=f"POST {several.address}", body=body) as call:
        if call.replay is not None:
            return [Line(**line) for line in call.replay.data["data"]]
        lines = several.act(keys, principal, reason)
        call.answer([asdict(line) for line in lines])
    return lines


def _preview(
    request: HttpRequest, site_of: "admin.ModelAdmin[Any]", several: Several, keys: Sequence[str]
) -> HttpResponse:
    lines = several.foresee(keys[:MOST_AT_ONCE], must_operate(request))
    return _page(request, site_of, several, lines, is_done=False, left=max(0, len(keys) - MOST_AT_ONCE))


def _page(
    request: HttpRequest,
    site_of: "admin.ModelAdmin[Any]",
    several: Several,
    lines: Sequence[Line],
    *,
    is_done: bool,
    left: int,
) -> HttpResponse:
    refused = sum(line.is_refused for line in lines)
    facts: Mapping[str, Any] = {
        "title": f"{several.deed.label} {len(lines)} {several.deed.noun}{'' if len(lines) == 1 else 's'}",
        "opts": site_of.opts,
        "several": several,
        "deed": several.deed,
        "lines": sorted(lines, key=lambda line: line.is_refused),
        "will": len(lines) - refused,
        "refused": refused,
        "left": left,
        "is_done": is_done,
        "key": str(new_id()),
    }
    return TemplateResponse(request, "admin/several.html", {**site_of.admin_site.each_context(request), **facts})
