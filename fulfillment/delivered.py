"""Asking JIRA whether what tickets asked for is delivered, when somebody asks PAO and never before (R47).

One call for each instance, within a few seconds. A JIRA that cannot answer makes `unknown`, never an error. An
escalated request whose every ticket is done is completed by that evidence; what was rejected is left to people.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from fulfillment.breakers import gate_of
from pao.clients import jira_instances
from pao.clients.jira_delivery import Delivery
from pao.core.clock import monotonic, now
from pao.core.context import Principal
from pao.core.errors import InvalidTransition, PaoError, PreconditionFailed
from pao.core.ids import new_id
from pao.settings_jira import DEFAULT
from requests_app import queries, standings
from requests_app.confirm import confirm
from requests_app.domain import planner
from requests_app.domain.states import RequestState
from requests_app.models import FulfillmentTask, ResourceRequest, TicketStanding

SECONDS = 6.0
"""How long one question may take, over all instances."""
LEAST_SECONDS = 1.5
MOST_EVIDENCE = 10
TICKET = "jira-ticket"
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Delivered:
    """One ticket of a task, and how it stands: in PAO's word, in JIRA's, and since when it is resolved."""

    task: FulfillmentTask
    instance: str
    key: str
    url: str
    standing: Delivery
    resolved_at: datetime | None


@dataclass(frozen=True)
class Look:
    """What a look at JIRA showed, the request after it, and a sentence for people."""

    request: ResourceRequest
    tickets: Sequence[Delivered]
    sentence: str


def look(request: ResourceRequest, *, by: Principal, completes: bool) -> Look:
    """Ask JIRA for the tickets of a request; complete an escalated one, when it `completes`, that JIRA says is done."""
    version = request.version
    tasks = queries.tasks_of(request)
    tickets = ask(tasks)
    if request.state != RequestState.ESCALATED:
        return Look(request, tickets, _told(tickets))
    replacing = [one for one in tickets if one.task.replaces_id is not None]
    if not (completes and planner.all_done(tasks) and _all_done(replacing)):
        return Look(request, tickets, f"{_told(replacing)} {_left(replacing)}".strip())
    try:
        request = confirm(resource_request_id=request.pk, by=by, evidence=_evidence(replacing), seen_version=version)
    except (InvalidTransition, PreconditionFailed):
        return Look(request, tickets, f"{_told(replacing)} The request has changed meanwhile: look again.")
    return Look(request, tickets, f"{_told(replacing)} The request is completed.")


def ask(tasks: Iterable[FulfillmentTask]) -> list[Delivered]:
    """Ask every instance once for the tickets of tasks, store what it says, and return it in the order of the tasks."""
    named = [(task, _instance(one), one) for task in tasks for one in task.references if one.get("type") == TICKET]
    if not named:
        return []
    said = _said((instance, str(one["key"])) for _, instance, one in named)
    seen = {(one.task_id, one.instance, one.key): one.resolved_at for one in standings.of({task for task, *_ in named})}
    found = []
    for task, instance, one in named:
        key = str(one["key"])
        standing = said[instance, key]
        resolved_at = _moment(standing.resolved_at) or seen.get((task.pk, instance, key))
        found.append(Delivered(task, instance, key, str(one.get("url") or ""), standing, resolved_at))
    _store(found)
    return found


def tasks_with(instance: str, key: str) -> list[FulfillmentTask]:
    """Return the tasks whose first reference is this ticket, from an index; a few at most."""
    found = FulfillmentTask.objects.filter(references__0__key=key).defer("action", "sealed_outputs")[:5]
    return [task for task in found if _instance(task.references[0]) == instance]


def _instance(reference: Mapping[str, str]) -> str:
    return reference.get("instance") or DEFAULT


def _said(wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Delivery]:
    """Return how tickets stand, by instance and key."""
    keys: dict[str, list[str]] = {}
    for instance, key in wanted:
        keys.setdefault(instance, []).append(key)
    found: dict[tuple[str, str], Delivery] = {}
    with gate_of(f"delivery-{new_id()}"):
        for instance, named in keys.items():
            # Each its share: one that hangs must not take the time of the others.
            answers, why = _asked(instance, named, monotonic() + max(SECONDS / len(keys), LEAST_SECONDS))
            found |= {(instance, key): answers.get(key) or Delivery("unknown", why) for key in named}
    return found


def _asked(instance: str, keys: Sequence[str], until: float) -> tuple[Mapping[str, Delivery], str]:
    """Return what an instance says by key, and why it says nothing of the others."""
    try:
        answers = jira_instances.client_of(instance).deliveries_of(keys, not_after=until)
    except PaoError as error:
        log.info("delivery.unknown", instance=instance, why=error.message)
        return {}, error.message[:300]
    return answers, "JIRA shows no such ticket: it was deleted or moved, or PAO's user may not see it."


def _store(found: Sequence[Delivered]) -> None:
    known = {(one.task.pk, one.instance, one.key): one for one in found if one.standing.delivery != "unknown"}
    standings.store(
        [
            TicketStanding(
                tenant=one.task.tenant,
                task=one.task,
                instance=one.instance,
                key=one.key,
                delivery=one.standing.delivery,
                words=one.standing.words[:300],
                asked_at=now(),
                resolved_at=_moment(one.standing.resolved_at),
            )
            for one in known.values()
        ]
    )


def _moment(text: str) -> datetime | None:
    """Return a moment as JIRA writes it (2026-01-31T09:30:00.000+0000); None for anything else."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def _all_done(tickets: Sequence[Delivered]) -> bool:
    return bool(tickets) and all(one.standing.delivery == "done" for one in tickets)


def _told(tickets: Sequence[Delivered]) -> str:
    """Return every ticket with how it stands, as a sentence."""
    if not tickets:
        return "There is no ticket to ask for."
    return "; ".join(_words(tickets)) + "."


def _words(tickets: Sequence[Delivered]) -> Iterator[str]:
    for one in tickets[:MOST_EVIDENCE]:
        words = f" ({one.standing.words})" if one.standing.words else ""
        yield f"{one.key} is {one.standing.delivery}{words}"
    if len(tickets) > MOST_EVIDENCE:
        yield f"and {len(tickets) - MOST_EVIDENCE} more"


def _left(tickets: Sequence[Delivered]) -> str:
    rejected = [one.key for one in tickets if one.standing.delivery == "rejected"]
    if rejected:
        return f"{', '.join(rejected)} was rejected: people decide what becomes of the request."
    return "" if not tickets or _all_done(tickets) else "The request waits until all of them are done."


def _evidence(tickets: Sequence[Delivered]) -> str:
    return "; ".join(_words(tickets))
