"""Counting after chaos: what the database says, against what the sandbox's own ledger says."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from devtools.chaos import books
from devtools.chaos.books import Request, Task
from devtools.client import call
from devtools.parts import Deployment

# Where a request rests: it has ended, or a person, or something outside, is awaited, and its reason says which.
ENDED = frozenset({"completed", "aborted"})
AWAITS = frozenset({"failed", "escalated", "waiting"})
RUNNING = frozenset({"queued", "processing"})
EFFECT_STEPS = {"create": "create", "rest-call": "call"}
Effect = Mapping[str, object]


@dataclass
class Figures:
    """What was counted."""

    accepted: int
    states: dict[str, str] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    uninvited: list[str] = field(default_factory=list)
    unexplained: list[str] = field(default_factory=list)
    without_ticket: list[str] = field(default_factory=list)
    without_call: list[str] = field(default_factory=list)
    without_intent: list[str] = field(default_factory=list)
    unlisted: list[str] = field(default_factory=list)
    missing_links: list[str] = field(default_factory=list)
    odd_links: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)
    effects: int = 0
    running: int = 0

    @property
    def under_way(self) -> int:
        """How many requests, or tasks of ended ones, neither ended nor wait for somebody."""
        return sum(state not in ENDED | AWAITS for state in self.states.values()) + self.running

    def summary(self) -> str:
        """Return the figures in one line."""
        states = ", ".join(f"{number} {state}" for state, number in sorted(Counter(self.states.values()).items()))
        reasons = ", ".join(f"{number} {reason}" for reason, number in sorted(self.reasons.items()))
        return f"{states}; {self.effects} effects outside" + (f"; waiting for a person: {reasons}" if reasons else "")

    def must_be_none(self, *, at_end: bool = False) -> Sequence[tuple[str, Sequence[str]]]:
        """Return everything that must not be, in words, with what was found of it."""
        return (
            ("accepted requests lost", self.lost),
            ("outside effects doubled", self.doubled),
            ("requests stored more often than they were made", self.uninvited),
            ("requests without end and without reason", self.unexplained),
            ("completed tasks without their ticket", self.without_ticket),
            ("completed tasks without their call", self.without_call),
            ("outside effects that were not intended first", self.without_intent),
            ("links missing", self.missing_links),
            *((what, found if at_end else ()) for what, found in self._known_at_the_end()),
        )

    def _known_at_the_end(self) -> Sequence[tuple[str, Sequence[str]]]:
        """Return what a task under way may yet explain."""
        return (
            ("tickets of ended requests that no task lists", self.unlisted),
            ("outside effects that no task knows", self.orphans),
            ("links that nothing asks for", self.odd_links),
        )

    def problems(self, *, everything_ended: bool = False, at_rest: bool = True) -> list[str]:
        """Return what must not be, in words; `at_rest`: when nothing may be under way any more."""
        found = [
            f"{len(entries)} {what}: {', '.join(entries[:5])}"
            for what, entries in self.must_be_none(at_end=everything_ended)
            if entries
        ]
        rest = [identifier for identifier, state in self.states.items() if state not in ENDED]
        if everything_ended and rest:
            found.append(f"{len(rest)} requests did not end after people acted: {', '.join(rest[:5])}")
        elif at_rest and self.under_way:
            found.append(f"{self.under_way} requests or tasks are still under way, and wait for nobody")
        return found


def count(deployment: Deployment, accepted: Mapping[str, str], url: str = "") -> Figures:
    """Compare the database, read past every fault, with the sandbox's ledger; `accepted` holds the ids by key.

    `url` names another database than the deployment's first.
    """
    assert deployment.postgres is not None
    figures = Figures(accepted=len(accepted))
    # The books first: what is done outside between the two looks is of no task that has recorded it.
    found = books.read(url or deployment.postgres.url)
    effects = call("GET", f"{deployment.sandbox}/_sandbox/ledger", {}, None)["effects"]
    count_requests(figures, found.requests, accepted)
    states = {request.id: request.state for request in found.requests}
    figures.running = sum(task.state in RUNNING and states[task.request] in ENDED for task in found.tasks)
    compare(figures, effects, found.tasks)
    compare_journal(figures, effects, found)
    return figures


def count_requests(figures: Figures, requests: Sequence[Request], accepted: Mapping[str, str]) -> None:
    """Note what was lost, what is there more than once, and what waits without saying for whom."""
    for request in requests:
        figures.states[request.id] = request.state
        if request.state not in AWAITS:
            continue
        figures.reasons[request.reason.get("code", "")] += 1
        if not all(request.reason.get(part) for part in ("code", "sentence", "next_step")):
            figures.unexplained.append(request.id)
    figures.lost = sorted(set(accepted.values()) - figures.states.keys())
    names = Counter(request.name for request in requests)
    figures.uninvited = sorted(name for name, times in names.items() if times > 1)


def compare(figures: Figures, effects: Sequence[Effect], tasks: Sequence[Task]) -> None:
    """Note in the figures where the sandbox's ledger and the tasks differ: tickets, REST calls, links."""
    targets = {kind: [str(one["target"]) for one in effects if one["effect"] == kind] for kind in ("create", "link")}
    created = Counter(str(effect["marker"]) for effect in effects if effect["effect"] == "create")
    called = Counter(str(effect["idempotency_key"]) for effect in effects if effect["effect"] == "rest-call")
    linked = Counter(targets["link"])
    figures.effects = len(effects)
    figures.doubled = [name for counted in (created, called, linked) for name, times in counted.items() if times > 1]
    known = {name for task in tasks for name in (task.id, f"pao-task-{task.id}")}
    figures.orphans = [name for name in {*created, *called} if name not in known]
    siblings = _by_request(tasks)
    made = _made(effects)
    wanted = {link for task in tasks for link in _links(task, siblings[task.request], made)}
    figures.odd_links = sorted(linked.keys() - wanted)
    for task in tasks:
        if task.state != "completed" or task.by_hand:
            continue
        if task.action_type == "jira-ticket":
            if created[f"pao-task-{task.id}"] != 1 or not {*task.keys} & {*targets["create"]}:
                figures.without_ticket.append(task.id)
            figures.missing_links += sorted({*_links(task, siblings[task.request], {})} - linked.keys())
        elif task.action_type == "rest-api" and called[task.id] != 1:
            figures.without_call.append(task.id)


def compare_journal(figures: Figures, effects: Sequence[Effect], found: books.Books) -> None:
    """Note effects that were done before they were intended, and tickets of ended requests that nobody can see.

    A ticket is seen in the references of its task, or in the journal when nobody knows what came of its creation.
    """
    tasks = {task.id: task for task in found.tasks}
    states = {request.id: request.state for request in found.requests}
    for effect in effects:
        kind = str(effect["effect"])
        name = effect["idempotency_key"] if kind == "rest-call" else effect["marker"]
        task = tasks.get(str(name).removeprefix("pao-task-"))
        if kind not in EFFECT_STEPS or task is None:
            continue
        intended = (task.id, EFFECT_STEPS[kind]) in found.intended
        if not intended:
            figures.without_intent.append(task.id)
        if kind == "create" and states[task.request] in ENDED and not (intended or effect["target"] in task.keys):
            figures.unlisted.append(str(effect["target"]))


def _made(effects: Sequence[Effect]) -> Mapping[str, list[str]]:
    """Return the keys of all tickets that were made for each task, whether it knows them or not."""
    made = defaultdict(list)
    for effect in effects:
        if effect["effect"] == "create":
            made[str(effect["marker"]).removeprefix("pao-task-")].append(str(effect["target"]))
    return made


def _by_request(tasks: Sequence[Task]) -> Mapping[str, list[Task]]:
    grouped = defaultdict(list)
    for task in tasks:
        grouped[task.request].append(task)
    return grouped


def _links(task: Task, siblings: Sequence[Task], made: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Yield the links that a task's ticket must have, blocker first, as the ledger writes them (R30, R35, R36).

    Blockers are the tickets of what its component depends on, and those before it in an escalation. `made` adds
    tickets that a task does not know.
    """
    keys = {*task.keys, *made.get(task.id, ())}
    for other in siblings:
        waits_for = other.component in task.depends_on or other.place in task.blocked_by
        if waits_for and other.state == "completed":
            yield from (f"{blocker} -> {key}" for blocker in other.keys for key in keys if blocker != key)
