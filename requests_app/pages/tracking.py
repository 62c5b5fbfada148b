"""What the tracking page shows of a request: progress, what failed and what may be done, the timeline, the log."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import blake2s
from typing import Any

from django.template.defaultfilters import filesizeformat
from django.urls import reverse

from catalog.domain.documents import Bundle, bundle_from, label_of
from catalog.domain.templating.values import text_of
from pao.core.clock import now
from pao.core.context import Principal
from requests_app import queries, standings
from requests_app.domain import planner
from requests_app.domain.escalation import TICKET
from requests_app.domain.reasons import TICKETS_OPENED
from requests_app.domain.states import (
    REQUEST_ACTIVE,
    REQUEST_END,
    TASK_END,
    RequestEvent,
    RequestState,
    TaskState,
)
from requests_app.models import FulfillmentTask, LogLine, ResourceRequest, TicketStanding
from requests_app.pages import graph
from requests_app.pages.words import after, counted, duration, listed

MOST_LINES = 100
_HALTED = (TaskState.FAILED, TaskState.STUCK)
_UNKNOWN = "OUTCOME_UNKNOWN"
_OPENED_IN_BROWSERS = ("https://", "http://")


@dataclass(frozen=True)
class Link:
    """Something that exists outside; the address is empty when browsers must not follow it.

    Of a ticket that JIRA was asked for: its delivery, and JIRA's words with the moment of the question.
    """

    key: str
    url: str
    delivery: str = ""
    words: str = ""
    asked_at: datetime | None = None


@dataclass(frozen=True)
class Step:
    """One task in the timeline."""

    task: FulfillmentTask
    number: int
    title: str
    subtitle: str
    waits_for: str
    lasted: str
    links: tuple[Link, ...]
    outputs: tuple[tuple[str, str], ...]
    has_halted: bool
    can_adopt: bool
    declares: tuple[str, ...] | None
    """The outputs that a person may give who settles the task; None when this person may not, or it is not halted."""


@dataclass(frozen=True)
class Verb:
    """A button of the page, with what happens when it is pressed."""

    name: str
    consequence: str
    asks_no_effect: bool = False

    @property
    def mark(self) -> str:
        """What the button sends of its consequence: who presses it must have been told what is so by then."""
        return blake2s(self.consequence.encode(), digest_size=8).hexdigest()


@dataclass(frozen=True)
class Tracking:
    """Everything the live part of the page shows.

    `total`, `completed`, `done` and `skipped` are those of the API: a task that others stand for is shown, not counted.
    """

    request: ResourceRequest
    steps: tuple[Step, ...]
    total: int
    completed: int
    done: int
    skipped: int
    halted: tuple[Step, ...]
    retry: Verb | None
    escalate: Verb | None
    confirm: Verb | None
    abort: Verb | None
    graph: graph.Graph | None
    log: tuple[LogLine, ...]
    lasted: str

    @property
    def has_ended(self) -> bool:
        """Whether nothing will ever change here again: a task that ran when the request was aborted still finishes."""
        return self.is_over and not self.runs

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to decide."""
        return self.request.state in REQUEST_END

    @property
    def runs(self) -> bool:
        """Whether a worker is at a task of it."""
        return any(step.task.state == TaskState.PROCESSING for step in self.steps)

    @property
    def is_moving(self) -> bool:
        """Whether something changes here without anybody's doing."""
        if self.request.state == RequestState.ESCALATED:
            return bool(self.request.state_reason.get("code") != TICKETS_OPENED.code)
        return self.request.state in REQUEST_ACTIVE or (self.is_over and self.runs)

    @property
    def may_decide(self) -> bool:
        """Whether there is a button for this person."""
        return any((self.retry, self.escalate, self.confirm, self.abort))

    @property
    def has_tickets(self) -> bool:
        """Whether there is a ticket to ask JIRA for."""
        return any(reference.get("type") == TICKET for step in self.steps for reference in step.task.references)

    @property
    def headline(self) -> str:
        """The progress in words: `3 of 5 tasks completed, 1 skipped`."""
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.completed} of {counted(self.total, 'task')} completed{skipped}"


def track(request: ResourceRequest, principal: Principal) -> Tracking:
    """Return what the live part of the page shows, in three queries; in one more for who may settle halted tasks.

    And in one more when there are tickets.
    """
    tasks = queries.tasks_of(request)
    verbs = queries.allowed_to(request, principal)
    declared = _declared(request) if RequestEvent.RESOLVE.value in verbs else {}
    told = {(one.task_id, one.key): one for one in standings.of(_with_tickets(tasks))}
    steps = tuple(_step(request, task, declared.get(task.pk), told) for task in tasks)
    progress = queries.progress_of(tasks)
    bundle = _bundle(request)
    lines = LogLine.objects.filter(resource_request=request).select_related("task").defer("task__action")
    return Tracking(
        request=request,
        steps=steps,
        total=progress["total"],
        completed=progress[TaskState.COMPLETED.value],
        done=progress["done"],
        skipped=progress[TaskState.SKIPPED.value],
        halted=tuple(step for step in steps if step.has_halted),
        retry=_retry(tasks) if RequestEvent.RETRY.value in verbs else None,
        escalate=_escalate(tasks) if RequestEvent.ESCALATE.value in verbs else None,
        confirm=_confirm(tasks) if RequestEvent.CONFIRM.value in verbs and planner.all_done(tasks) else None,
        abort=_abort(tasks) if RequestEvent.ABORT.value in verbs else None,
        graph=graph.draw(bundle.components, graph.states_of(tasks)) if bundle else None,
        log=tuple(reversed(lines.order_by("-pk")[:MOST_LINES])),
        lasted=duration((request.finished_at or now()) - request.created_at),
    )


@dataclass(frozen=True)
class Row:
    """One value of the form as it was submitted; a file has an address where it is downloaded."""

    label: str
    value: str
    url: str = ""


def form_values(request: ResourceRequest) -> list[tuple[str, list[Row]]]:
    """Return what was submitted, by group, under the labels of the form it was submitted with; secrets are masked."""
    form: Mapping[str, Any] = _from_snapshot(request, "snapshot__entry__definition__input__form") or {}
    shown = [("", [Row(form.get("name") or "Name", request.name)])]
    for group in form.get("groups") or ():
        values = request.form_data.get(group["id"]) or {}
        entries = [entry for entry in group.get("fields") or () if entry["id"] in values]
        rows = [_row(request, entry, values[entry["id"]]) for entry in entries]
        if rows:
            shown.append((group.get("name") or label_of(group["id"]), rows))
    return shown


def _row(request: ResourceRequest, entry: Mapping[str, Any], value: Any) -> Row:
    label = entry.get("name") or label_of(entry["id"])
    if entry.get("type") != "file":
        return Row(label, _shown(value))
    address = reverse("request-file", args=[request.pk, value["fileId"]])
    return Row(label, f"{value['name']}, {filesizeformat(value['size'])}", address)


def _bundle(request: ResourceRequest) -> Bundle | None:
    if request.entry_kind != "CatalogBundle":
        return None
    return bundle_from(_from_snapshot(request, "snapshot__entry__definition"))


def _from_snapshot(request: ResourceRequest, path: str) -> Any:
    return ResourceRequest.objects.filter(pk=request.pk).values_list(path, flat=True).get()


def _declared(request: ResourceRequest) -> dict[Any, tuple[str, ...]]:
    """Return by halted task the names of the outputs that its action declares."""
    halted = request.tasks.filter(state__in=_HALTED).values_list("pk", "action__outputs")
    return {task_id: tuple(sorted(outputs or {})) for task_id, outputs in halted}


def _with_tickets(tasks: Sequence[FulfillmentTask]) -> list[FulfillmentTask]:
    return [task for task in tasks if any(one.get("type") == TICKET for one in task.references)]


def _step(
    request: ResourceRequest,
    task: FulfillmentTask,
    declares: tuple[str, ...] | None,
    told: Mapping[tuple[Any, str], TicketStanding],
) -> Step:
    component = task.component_id
    return Step(
        task=task,
        number=task.sequence_index + 1,
        title=component or request.entry_name,
        subtitle=f"{task.item_id} · {task.action_type}" if component else task.action_type,
        waits_for=after(task.depends_on),
        lasted=_lasted(task),
        links=tuple(_link(one, told.get((task.pk, str(one.get("key"))))) for one in task.references),
        outputs=tuple((name, _shown(value)) for name, value in task.outputs.items()),
        has_halted=task.state in _HALTED,
        can_adopt=task.action_type == TICKET and task.state_reason.get("code") == _UNKNOWN,
        declares=declares,
    )


def _lasted(task: FulfillmentTask) -> str:
    if task.started_at is None or task.state == TaskState.QUEUED:
        return ""
    if task.state == TaskState.PROCESSING:
        return f"for {duration(now() - task.started_at)}"
    return duration(task.finished_at - task.started_at) if task.finished_at else ""


def _link(reference: Mapping[str, Any], told: TicketStanding | None) -> Link:
    """Return a link; whatever is no web address, such as `javascript:`, is shown as text only (B73)."""
    url = str(reference.get("url") or "")
    link = Link(str(reference.get("key") or url), url if url.startswith(_OPENED_IN_BROWSERS) else "")
    if told is None:
        return link
    return replace(link, delivery=told.delivery, words=told.words, asked_at=told.asked_at)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return text_of(value) or "–"


def _retry(tasks: Sequence[FulfillmentTask]) -> Verb:
    halted = [task for task in tasks if task.state in _HALTED]
    kept = sum(task.state in TASK_END for task in tasks)
    rest = len(tasks) - len(halted) - kept
    again = f"Runs {counted(len(halted), 'task')} again"
    onward = f" and then goes on with {rest} more" if rest else ""
    stays = f" What is done stays, with its outputs ({counted(kept, 'task')})." if kept else ""
    unknown = any(task.state_reason.get("code") == _UNKNOWN for task in halted)
    return Verb(RequestEvent.RETRY.value, f"{again}{onward}.{stays}", asks_no_effect=unknown)


def _escalate(tasks: Sequence[FulfillmentTask]) -> Verb | None:
    goes_on = TASK_END | {TaskState.PROCESSING, TaskState.WAITING}
    left = [task for task in tasks if task.replaces_id is None and task.state not in goes_on]
    if not left:
        return None
    opened = (
        f"Hands {counted(len(left), 'task')} over to people: each gets a ticket with what went wrong and its set-up"
    )
    return Verb(RequestEvent.ESCALATE.value, f"{opened}. PAO will not try these again.")


def _confirm(tasks: Sequence[FulfillmentTask]) -> Verb:
    tickets = [reference["key"] for task in tasks if task.replaces_id for reference in task.references]
    done = f"Says that what {listed(tickets)} asked for is done" if tickets else "Says that the work is done"
    return Verb(RequestEvent.CONFIRM.value, f"{done}, and completes the request.")


def _abort(tasks: Sequence[FulfillmentTask]) -> Verb:
    running = sum(task.state == TaskState.PROCESSING for task in tasks)
    waiting = sum(task.state == TaskState.WAITING for task in tasks)
    never = sum(task.state not in TASK_END for task in tasks) - running - waiting
    made = [reference["key"] for task in tasks for reference in task.references if reference.get("key")]
    parts = [f"Ends this request for good: {counted(never, 'task')} will not run."]
    if running:
        parts.append(f"{counted(running, 'task')} that {'runs' if running == 1 else 'run'} now will finish.")
    if waiting:
        parts.append(f"{counted(waiting, 'task')} will wait no longer; what was begun outside goes on there.")
    unknown = [task for task in tasks if task.state_reason.get("code") == _UNKNOWN]
    if made:
        parts.append(f"What exists already stays: {listed(made)}.")
    if unknown:
        marks = listed([f"pao-task-{task.pk}" for task in unknown])
        parts.append(f"What {counted(len(unknown), 'call')} did outside is not known; look for {marks}.")
    if not made and not unknown:
        parts.append("Nothing exists outside because of it.")
    return Verb(RequestEvent.ABORT.value, " ".join(parts))
