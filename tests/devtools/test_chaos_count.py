"""What chaos counts: every way in which the ledger can differ from what PAO believes is a problem in words."""

from typing import Any

import pytest

from devtools.chaos.books import Books, Request, Task
from devtools.chaos.count import Figures, compare, compare_journal, count_requests

DATABASE = Task("t1", "r1", "jira-ticket", "completed", "database", (), ("DBA-1",))
SECRETS = Task("t2", "r1", "jira-ticket", "completed", "secrets", ("database",), ("SEC-1",))
APP = Task("t3", "r1", "jira-ticket", "completed", "app", ("database", "secrets"), ("APP-1",))
OTHER = Task("t4", "r2", "jira-ticket", "completed", "database", (), ("DBA-2",))  # of another request
CALL = Task("t5", "r3", "rest-api", "completed", "", (), ())
TASKS = [DATABASE, SECRETS, APP, OTHER, CALL]


def effect(kind: str, target: str, marker: str | None = None, key: str | None = None) -> dict[str, Any]:
    """Return a line of the ledger."""
    return {"effect": kind, "target": target, "marker": marker, "idempotency_key": key}


def created(task: Task) -> dict[str, Any]:
    """Return the line of a task's ticket."""
    return effect("create", task.keys[0], f"pao-task-{task.id}")


LINKS = [effect("link", f"{one} -> {two}") for one, two in (("DBA-1", "SEC-1"), ("DBA-1", "APP-1"), ("SEC-1", "APP-1"))]
CALLED = effect("rest-call", "db-1", key="t5")
WHOLE = [created(DATABASE), created(SECRETS), created(APP), created(OTHER), *LINKS, CALLED]


def compared(effects: list[dict[str, Any]], tasks: list[Task] = TASKS) -> Figures:
    """Return the figures of a ledger."""
    figures = Figures(accepted=3)
    compare(figures, effects, tasks)
    return figures


def test_a_ledger_that_is_as_it_should_be_is_no_problem() -> None:
    assert compared(WHOLE).problems(everything_ended=True) == []
    assert compared(WHOLE).effects == len(WHOLE)


@pytest.mark.parametrize(
    ("effects", "problem"),
    [
        pytest.param([*WHOLE, WHOLE[0]], "1 outside effects doubled: pao-task-t1", id="a ticket twice"),
        pytest.param([*WHOLE, CALLED], "1 outside effects doubled: t5", id="a call twice"),
        pytest.param([*WHOLE, LINKS[0]], "1 outside effects doubled: DBA-1 -> SEC-1", id="a link twice"),
        pytest.param(WHOLE[1:], "1 completed tasks without their ticket: t1", id="no ticket"),
        pytest.param(WHOLE[:-1], "1 completed tasks without their call: t5", id="no call"),
        pytest.param(WHOLE[:4] + WHOLE[5:], "1 links missing: DBA-1 -> SEC-1", id="a missing link"),
    ],
)
def test_what_is_missing_or_doubled_is_a_problem_at_any_time(effects: list[dict[str, Any]], problem: str) -> None:
    assert problem in compared(effects).problems()


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        (effect("create", "DBA-9", "pao-task-x"), "1 outside effects that no task knows: pao-task-x"),
        (effect("rest-call", "db-9", key="x"), "1 outside effects that no task knows: x"),
        (effect("link", "SEC-1 -> DBA-1"), "1 links that nothing asks for: SEC-1 -> DBA-1"),  # reversed
        (effect("link", "DBA-2 -> APP-1"), "1 links that nothing asks for: DBA-2 -> APP-1"),  # another request's
    ],
)
def test_what_nothing_asks_for_is_a_problem_at_the_end(more: dict[str, Any], problem: str) -> None:
    """Before the end it may belong to a task that has not recorded it yet."""
    figures = compared([*WHOLE, more])
    assert figures.problems() == []
    assert figures.problems(everything_ended=True) == [problem]


def test_a_link_to_a_task_that_is_not_completed_is_not_missed() -> None:
    waiting = Task("t3", "r1", "jira-ticket", "failed", "app", ("database", "secrets"), ("APP-1",))
    without = [one for one in WHOLE if not one["target"].endswith("-> APP-1")]
    assert compared(without, [DATABASE, SECRETS, waiting, OTHER, CALL]).problems() == []


TICKET = Task("t6", "r1", "jira-ticket", "completed", "app", ("database", "secrets"), ("SUP-1",), 3, (2,))


def test_the_tickets_of_an_escalation_are_linked_to_those_before_them() -> None:
    """R30: what failed and what waited for it get a ticket each, blocked by those right before it."""
    failed = Task("t2", "r1", "jira-ticket", "skipped", "secrets", ("database",), (), 1)
    first = Task("t7", "r1", "jira-ticket", "completed", "secrets", ("database",), ("SUP-2",), 2)
    tasks = [DATABASE, failed, first, TICKET]
    links = [effect("link", f"{one} -> {two}") for one, two in (("DBA-1", "SUP-2"), ("DBA-1", "SUP-1"))]
    made = [created(DATABASE), created(first), created(TICKET), *links]
    assert compared([*made, effect("link", "SUP-2 -> SUP-1")], tasks).problems(everything_ended=True) == []
    assert compared(made, tasks).problems(everything_ended=True) == ["1 links missing: SUP-2 -> SUP-1"]


def test_what_a_person_declared_done_needs_neither_ticket_nor_links() -> None:
    by_hand = Task("t2", "r1", "jira-ticket", "completed", "secrets", ("database",), (), 1, reason="DONE_BY_HAND")
    assert compared([created(DATABASE)], [DATABASE, by_hand]).problems(everything_ended=True) == []


def test_links_of_a_ticket_that_its_task_does_not_know_are_not_odd() -> None:
    """Its creation had an unknown outcome, and a person went on without it."""
    unknown = Task("t2", "r1", "jira-ticket", "skipped", "secrets", ("database",), ())
    found = [created(DATABASE), effect("create", "SEC-1", "pao-task-t2"), effect("link", "DBA-1 -> SEC-1")]
    assert compared(found, [DATABASE, unknown]).problems(everything_ended=True) == []


UNEXPLAINED = ["1 requests without end and without reason: r1"]


@pytest.mark.parametrize(
    ("request_", "found"),
    [
        (Request("r1", "a", "completed", {}), []),
        (Request("r1", "a", "failed", {"code": "X", "sentence": "Why.", "next_step": "What."}), []),
        (Request("r1", "a", "waiting", {"code": "X", "sentence": "Why.", "next_step": "What."}), []),
        (
            Request("r1", "a", "waiting", {"code": "X", "sentence": "Why."}),
            ["1 requests without end and without reason: r1"],
        ),
        (Request("r1", "a", "failed", {}), UNEXPLAINED),
        (Request("r1", "a", "processing", {}), ["1 requests or tasks are still under way, and wait for nobody"]),
        (Request("r9", "a", "completed", {}), ["1 accepted requests lost: r1"]),
    ],
)
def test_every_request_ends_or_says_for_whom_it_waits(request_: Request, found: list[str]) -> None:
    figures = Figures(accepted=1)
    count_requests(figures, [request_], {"key": "r1"})
    assert figures.problems() == found


def test_one_submission_makes_one_request() -> None:
    figures = Figures(accepted=1)
    count_requests(figures, [Request(name, "same", "completed", {}) for name in ("r1", "r2")], {"key": "r1"})
    assert figures.problems() == ["1 requests stored more often than they were made: same"]


@pytest.mark.parametrize(
    ("intended", "keys", "found"),
    [
        ({("t1", "create")}, ("DBA-1",), []),
        ({("t1", "create")}, (), []),  # of unknown outcome, and a person sees it in the journal
        (set(), ("DBA-1",), ["1 outside effects that were not intended first: t1"]),
        (
            set(),
            (),
            [
                "1 outside effects that were not intended first: t1",
                "1 tickets of ended requests that no task lists: DBA-1",
            ],
        ),
    ],
)
def test_every_effect_is_intended_first_and_seen_afterwards(
    intended: set[tuple[str, str]], keys: tuple[str, ...], found: list[str]
) -> None:
    task = Task("t1", "r1", "jira-ticket", "skipped", "", (), keys)
    books = Books([Request("r1", "a", "aborted", {})], [task], frozenset(intended))
    figures = Figures(accepted=1)
    compare_journal(figures, [effect("create", "DBA-1", "pao-task-t1")], books)
    assert figures.problems(everything_ended=True) == found
