"""What an escalation plans: which tasks get a ticket, where, and what blocks what (R30, R31)."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from pao.core.errors import InvalidTransition
from requests_app.domain.escalation import Replacement, Target, plan

SUPPORT = Target("SUP", "Support")


@dataclass
class Task:
    """A task as the planner sees it; its key is its place."""

    sequence_index: int
    component_id: str
    state: str
    depends_on: Any = ()
    action: Any = field(default_factory=lambda: {"type": "rest-api", "config": {}})
    replaces_id: Any = None
    state_reason: Any = field(default_factory=dict)
    item_id: str = "item-a"

    def __post_init__(self) -> None:
        self.pk: Any = self.sequence_index
        self.action_type = str(self.action["type"])

    def __str__(self) -> str:
        return f"{self.sequence_index + 1}. {self.component_id}"


def tasks_of(text: str) -> list[Task]:
    """Return tasks out of `component:state<dependency,…`, in order; `component=place` is the ticket of a place."""
    found = []
    for place, word in enumerate(text.split()):
        head, _, waits = word.partition("<")
        name, _, state = head.partition(":")
        name, _, replaces = name.partition("=")
        depends_on = tuple(filter(None, waits.split(",")))
        found.append(Task(place, name, state, depends_on, replaces_id=int(replaces) if replaces else None))
    return found


def planned(text: str, mode: str = "sequential", **more: Any) -> tuple[Replacement, ...]:
    """Return the plan for tasks written as above."""
    return plan(tasks_of(text), mode, {}, subject="Stack “x”", target=SUPPORT, **more)


@pytest.mark.parametrize(
    ("mode", "tasks", "expected"),
    [
        # of place: (place of the ticket, blocked by)
        ("sequential", "a:failed", {0: (1, ())}),
        ("sequential", "a:completed b:failed<a c:pending<b", {1: (3, ()), 2: (4, (3,))}),  # R30
        ("sequential", "a:completed b:stuck c:pending", {1: (3, ()), 2: (4, (3,))}),  # no dependency, yet one by one
        ("sequential", "a:failed b:skipped c:pending", {0: (3, ()), 2: (4, (3,))}),  # looks through what is done
        ("sequential", "a:failed b:completed c:pending", {0: (3, ()), 2: (4, (3,))}),  # resolved by hand before
        ("sequential", "a:failed b:processing", {0: (2, ())}),  # what runs finishes
        ("parallel", "a:failed b:queued c:pending<a,b", {0: (3, ()), 1: (4, ()), 2: (5, (3, 4))}),  # diamond
        ("parallel", "a:failed b:completed c:pending<b", {0: (3, ()), 2: (4, ())}),  # b's own ticket is linked
        ("parallel", "a:failed a:pending b:pending<a", {0: (3, ()), 1: (4, (3,)), 2: (5, (4,))}),  # actions in a row
        ("parallel", "a:skipped b:failed c:pending<b a=0:completed", {1: (4, ()), 2: (5, (4,))}),  # a second time
        ("parallel", "a:skipped b:failed<a a=0:failed", {1: (3, (2,))}),  # behind the ticket of the first time
    ],
)
def test_what_is_not_done_gets_a_ticket_behind_those_before_it(
    mode: str, tasks: str, expected: dict[int, tuple[int, tuple[int, ...]]]
) -> None:
    assert {one.of: (one.sequence_index, one.blocked_by) for one in planned(tasks, mode)} == expected


@pytest.mark.parametrize("tasks", ["a:skipped a=0:failed", "a:completed", "a:processing"])
def test_nothing_left_to_hand_over_is_said(tasks: str) -> None:
    with pytest.raises(InvalidTransition, match="handed over already") as refused:
        planned(tasks)
    assert refused.value.facts["allowed"] == ["retry", "resolve", "abort"]


def ticket(project: str, **more: Any) -> dict[str, Any]:
    return {"type": "jira-ticket", "config": {"ticket": {"project": project, "issueType": "Task", **more}}}


REST: dict[str, Any] = {"type": "rest-api", "config": {}}


@pytest.mark.parametrize(
    ("action", "manual", "project", "issue_type"),
    [
        (REST, [ticket("DBA")], "DBA", "Task"),  # R31
        (REST, [REST, ticket("OPS"), ticket("DBA")], "OPS", "Task"),  # the first ticket
        (ticket("NET"), [ticket("DBA")], "NET", "Task"),  # a ticket of its own
        (REST, [], "SUP", "Support"),
        (REST, [REST], "SUP", "Support"),
    ],
)
def test_the_project_is_that_of_the_manual_ticket_else_the_configured_one(
    action: dict[str, Any], manual: list[dict[str, Any]], project: str, issue_type: str
) -> None:
    task = Task(0, "a", "failed", action=action)
    definition = {"fulfillment": {"manual": {"actions": manual}}}
    (made,) = plan([task], "sequential", {"item-a": definition}, subject="x", target=SUPPORT)
    fields = made.action["config"]["ticket"]
    assert (fields["project"], fields["issueType"]) == (project, issue_type)


def test_without_any_project_it_is_refused() -> None:
    with pytest.raises(InvalidTransition, match="PAO_ESCALATION_PROJECT is not set"):
        plan([Task(0, "a", "failed")], "sequential", {}, subject="x", target=Target("", ""))


def test_what_the_document_says_of_the_ticket_is_kept_and_its_texts_are_not() -> None:
    own = ticket("NET", priority="High", components=["dns"], labels=["x"], summaryTemplate="{{.current.name}}")
    (made,) = plan([Task(0, "", "failed", action=own)], "sequential", {}, subject="Net “x”", target=SUPPORT)
    assert made.action["config"]["ticket"] == {
        "project": "NET",
        "issueType": "Task",
        "priority": "High",
        "components": ["dns"],
        "summary": "By hand: item-a of Net “x”",
        "labels": ["pao-escalation"],
    }


@pytest.mark.parametrize(("state", "kept"), [("pending", True), ("failed", False), ("stuck", False)])
def test_a_condition_counts_for_what_had_not_begun(state: str, kept: bool) -> None:  # noqa: FBT001 - of the table
    action = {**REST, "when": "current.size == 'big'"}
    (made, *_) = plan([Task(0, "a", state, action=action)], "sequential", {}, subject="x", target=SUPPORT)
    assert ("when" in made.action) is kept


@pytest.mark.parametrize("state", ["pending", "queued", "stuck"])
def test_what_may_have_been_done_is_told_whatever_became_of_the_task_since(state: str) -> None:
    """Its worker was lost at the call, and then something else came: who does it by hand must look first."""
    task = Task(0, "a", state, action={**REST, "when": "current.size == 'big'"}, state_reason={"code": "OTHER"})
    (made,) = plan([task], "sequential", {}, subject="x", target=SUPPORT, doubts={0: "Nobody knows."})
    told = {"task": "1. a", "code": "OUTCOME_UNKNOWN", "sentence": "Nobody knows."}
    assert (told in made.action["escalation"]["failures"], "when" in made.action) == (True, False)


def test_every_ticket_tells_every_failure_and_its_own_outputs() -> None:
    reason = {"code": "CALL_REFUSED", "sentence": "JIRA said no."}
    tasks = [
        Task(0, "a", "failed", state_reason=reason),
        Task(1, "b", "pending", action={**REST, "outputs": {"url": "url", "id": "id"}}),
    ]
    made = plan(tasks, "sequential", {}, subject="x", target=SUPPORT)
    failures = [{"task": "1. a", **reason}]
    assert [one.action["escalation"] for one in made] == [
        {"failures": failures, "outputs": []},
        {"failures": failures, "outputs": ["id", "url"]},
    ]
