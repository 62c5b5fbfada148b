"""The page that shows what a retry on the latest version would change, before anybody decides on it."""

import uuid
from collections.abc import Iterator

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from pao.identity import principal_of
from requests_app import queries
from requests_app.domain.renewal import Fate, Step, named
from requests_app.domain.states import RequestEvent
from requests_app.outlook import DocumentChange
from requests_app.pages.answers import page
from requests_app.pages.verbs import fresh_keys
from requests_app.retry_latest import LATEST, outlook

_FATES = {
    Fate.STAYS: "stays",
    Fate.GOES_ON: "goes on",
    Fate.RUNS: "runs",
    Fate.NEW: "is new",
    Fate.DROPPED: "is dropped",
}
_SIGNS = {"+": "added", "-": "removed", "@": "place"}


@require_safe
@never_cache
@page
def retry_latest_page(request: HttpRequest, request_id: uuid.UUID) -> HttpResponse:
    """Show the difference that the latest version makes to a failed request, and the button that takes it."""
    principal = principal_of(request)
    found = queries.visible_request(request_id, principal)
    queries.must_act(found, principal, RequestEvent.RETRY)
    view = outlook(resource_request_id=request_id)
    facts = {
        "request_shown": found,
        "view": view,
        "on": LATEST,
        "key": fresh_keys()["retry"],
        "steps": [_row(step) for step in view.steps],
        "documents": [(each, list(_lines(each))) for each in view.documents],
    }
    return render(request, "retry_latest.html", facts)


def _row(step: Step) -> dict[str, str]:
    return {"name": named(step), "fate": _FATES[step.fate], "tone": step.fate.value, "sentence": step.sentence}


def _lines(change: DocumentChange) -> Iterator[tuple[str, str]]:
    """Yield the lines of a difference with what each is, for its colour; the sign stands in the line itself."""
    for line in change.difference.text.split("\n"):
        yield _SIGNS.get(line[:1], "same"), line
