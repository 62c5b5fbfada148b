"""What an escalation makes of a halted request: a ticket for every task that was not done, and what blocks what.

Pure. Rulings R30 (one ticket for the failed task and one for each unprocessed, each blocked by the one before) and R31
(the project is that of the item's manual ticket, else the configured one); the ticket's text is written when its turn
comes, for by then it can name the tickets before it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pao.core.errors import InvalidTransition
from requests_app.domain import planner
from requests_app.domain.states import TASK_HALTED, TaskState

TICKET = "jira-ticket"
LABEL = "pao-escalation"
UNKNOWN = "OUTCOME_UNKNOWN"
_NOT_DONE = {TaskState.PENDING, TaskState.QUEUED, *TASK_HALTED}
# What is taken over from a ticket of the document as it stands there; texts are written anew.
_KEPT = ("instance", "issueType", "priority", "components")


class TaskLike(planner.TaskLike, Protocol):
    """What an escalation is planned on; the model and tests both have it."""

    pk: Any
    replaces_id: Any
    item_id: str
    action_type: str
    action: Any
    state_reason: Any


@dataclass(frozen=True)
class Target:
    """Where tickets go of items that have none of their own."""

    project: str
    issue_type: str


@dataclass(frozen=True)
class Replacement:
    """A task to be: the ticket that stands for the task at the place `of`."""

    of: int
    sequence_index: int
    blocked_by: tuple[int, ...]
    action: Mapping[str, Any]


def plan(
    tasks: Sequence[TaskLike],
    mode: str,
    definitions: Mapping[str, Mapping[str, Any]],
    *,
    subject: str,
    target: Target,
    doubts: Mapping[Any, str] | None = None,
) -> tuple[Replacement, ...]:
    """Return a ticket for every task of the catalog that is not done, runs not, and has none yet, in order.

    `definitions` holds the plain data of every item by id, `subject` names the request in summaries, and `doubts` tells
    in a sentence, by task key, what may have been done all the same: whatever a task has come to since, people must
    look for it before they do it by hand. Raises `InvalidTransition` when a ticket would have no project, or when
    everything is handed over already.
    """
    originals = [task for task in tasks if task.replaces_id is None]
    not_done = [task for task in originals if task.state in _NOT_DONE]
    if not not_done:
        raise _refused("Everything that was not done is handed over already; a retry opens the tickets that failed.")
    places = {task.pk: task.sequence_index for task in originals}
    stands_for = {places[task.replaces_id]: task.sequence_index for task in tasks if task.replaces_id is not None}
    stands_for |= {task.sequence_index: len(tasks) + number for number, task in enumerate(not_done)}
    waits_for = planner.blockers(originals, mode)
    unknown = doubts or {}
    failures = [_failure(task) for task in tasks if task.state in TASK_HALTED]
    failures += [
        {"task": str(task), "code": UNKNOWN, "sentence": unknown[task.pk]}
        for task in not_done
        if task.pk in unknown and task.state_reason.get("code") != UNKNOWN
    ]
    return tuple(
        Replacement(
            of=task.sequence_index,
            sequence_index=stands_for[task.sequence_index],
            blocked_by=tuple(sorted(set(_ahead(task.sequence_index, waits_for, stands_for)))),
            action=_action(
                task, definitions.get(task.item_id), subject, target, failures, has_begun=task.pk in unknown
            ),
        )
        for task in not_done
    )


def _ahead(index: int, waits_for: Mapping[int, Iterable[int]], stands_for: Mapping[int, int]) -> Iterator[int]:
    """Yield the tickets right before a task; what has none, for it is done, is looked through."""
    for before in waits_for[index]:
        if before in stands_for:
            yield stands_for[before]
        else:
            yield from _ahead(before, waits_for, stands_for)


def _failure(task: TaskLike) -> dict[str, str]:
    reason = task.state_reason
    return {"task": str(task), "code": reason.get("code", ""), "sentence": reason.get("sentence", "")}


def _action(
    task: TaskLike,
    definition: Mapping[str, Any] | None,
    subject: str,
    target: Target,
    failures: list[dict[str, str]],
    *,
    has_begun: bool,
) -> dict[str, Any]:
    ticket = _ticket(task, definition)
    project = ticket.get("project") or target.project
    if not project:
        raise _refused(
            f"There is no project for the ticket of {task}: the item {task.item_id} has no manual ticket, "
            "and PAO_ESCALATION_PROJECT is not set."
        )
    title = f"{task.component_id}: {task.item_id}" if task.component_id else task.item_id
    fields = {
        "issueType": target.issue_type,
        **{key: ticket[key] for key in _KEPT if key in ticket and "{{" not in str(ticket[key])},
        "project": project,
        "summary": f"By hand: {title} of {subject}",
        "labels": [LABEL],
    }
    action: dict[str, Any] = {
        "type": TICKET,
        "config": {"ticket": {key: value for key, value in fields.items() if value}},
        "escalation": {"failures": failures, "outputs": sorted(task.action.get("outputs") or {})},
    }
    # A task that had begun is to be done, whatever its condition says by now.
    if task.action.get("when") and task.state not in TASK_HALTED and not has_begun:
        action["when"] = task.action["when"]
    return action


def _ticket(task: TaskLike, definition: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Return the ticket's part of the task's own action, or of its item's first manual ticket; else nothing."""
    manual = ((definition or {}).get("fulfillment") or {}).get("manual") or {}
    own = [task.action] if task.action_type == TICKET else []
    for action in (*own, *(manual.get("actions") or ())):
        if action.get("type") == TICKET:
            found: Mapping[str, Any] = action["config"]["ticket"]
            return found
    return {}


def _refused(sentence: str) -> InvalidTransition:
    return InvalidTransition(sentence, state="failed", allowed=["retry", "resolve", "abort"])
