"""What an action type is: four questions it answers, about a rendered config and a small context.

An action never sees the ORM, templates or the request. It returns an `Outcome` or raises one `ActionFailed`:
`ConnectFailed` and `CallRefused` say that nothing happened outside, `OutcomeUnknown` that nobody knows (rule R3).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol

from requests_app.domain.waits import Wait


@dataclass(frozen=True)
class Reference:
    """Something that exists outside PAO because of a task: a ticket, a commit, a run."""

    type: str
    key: str
    url: str = ""
    instance: str = ""


@dataclass(frozen=True)
class Outcome:
    """What an action tells: the `result` that `outputs` may take from, and what exists outside now.

    With a `wait` it has not ended: nothing is captured, the task holds no worker, and `run` is called again, with the
    wait's state as `Context.waited`, when it is time to look.
    """

    result: Mapping[str, Any]
    references: tuple[Reference, ...] = ()
    warnings: tuple[str, ...] = ()
    wait: Wait | None = None


@dataclass(frozen=True)
class Call:
    """One outside call as a dry run shows it: rendered, and masked where it is secret."""

    method: str
    url: str
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True)
class Verdict:
    """What the other side shows about an effect whose answer PAO never recorded (rule R1)."""

    finding: Literal["done", "not_done", "unknown"]
    evidence: str
    outcome: Outcome | None = None


@dataclass(frozen=True)
class Status:
    """How a reference stands outside now, in PAO's words and in the other side's."""

    delivery: Literal["open", "done", "rejected", "unknown"]
    words: str = ""


class Journal(Protocol):
    """The record of effects: what was about to be done, and what came of it, each committed on its own."""

    def intend(self, step: str, description: str, sent: Mapping[str, Any]) -> None:
        """Commit "about to do this"; the outside call may follow only afterwards.

        `sent` is masked and bounded by the caller. Raises `LeaseLost` when the task is no longer this worker's.
        """

    def done(self, step: str, result: Mapping[str, Any], *, answer: Mapping[str, Any] | None = None) -> None:
        """Commit that the effect of `step` exists, with what later attempts need to go on from there.

        `answer` is what outputs are taken from, when `result` is less; it is not stored, its secrets are masked.
        """

    def result_of(self, step: str) -> Mapping[str, Any] | None:
        """Return what `done` stored for `step`, in this or an earlier attempt; None when it never was."""

    def note(self, message: str, *, at_once: bool = False, **facts: Any) -> None:
        """Add a line to the request's log (masked and bounded): with the next thing stored or, if asked, `at_once`."""


@dataclass(frozen=True)
class Context:
    """The little that an action may know beside its config."""

    request_id: str
    task_id: str
    attempt: int
    correlation_id: str
    journal: Journal
    secret: Callable[[str], str]
    """Return the value of the secret of that name; raises `SecretUnavailable`."""
    deadline: float
    """Monotonic seconds after which no outside call may begin."""
    blocked_by: tuple[Reference, ...] = ()
    """References of the components that this task's component depends on."""
    tracking_url: str = ""
    waited: Mapping[str, Any] | None = None
    """The state that the last look left, when this attempt is a look; else None."""
    summary_of_request: str = ""
    """One line that names the entry and the requester, for texts that people read outside."""

    @property
    def marker(self) -> str:
        """Return the label by which the other side can find this task's effect again (rule R6)."""
        return f"pao-task-{self.task_id}"


class ActionType(Protocol):
    """One way to get something done outside."""

    type: ClassVar[str]

    def plan(self, config: Mapping[str, Any], context: Context) -> tuple[Call, ...]:
        """Return the calls `run` would make, rendered and masked, without making any."""

    def run(self, config: Mapping[str, Any], context: Context) -> Outcome:
        """Do it, once, or look how far it is. Raises `ActionFailed` (or a subclass) when it does not reach its end."""

    def reconcile(self, config: Mapping[str, Any], context: Context, step: str) -> Verdict:
        """Look outside for the effect of `step`, which was intended and whose answer is missing."""

    def status(self, reference: Reference) -> Status:
        """Ask the other side how the reference stands; never raises, an unreachable side is `unknown`."""
