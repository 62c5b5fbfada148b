"""Asking how far a job is that a `rest-api` call has begun (202): where, until what, how often.

A question is a GET, so it may be asked any number of times, after a lost worker too (R6); the call that began the job
keeps its intent, and is never repeated here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

from jmespath.exceptions import JMESPathError
from jmespath.parser import ParsedResult

from fulfillment.actions.protocol import Context, Outcome, Reference
from fulfillment.actions.rest_call import Endpoint, Poll, Prepared
from fulfillment.actions.rest_result import result_of, tells_a_secret
from pao.clients import http
from pao.clients.answers import Answer, retry_after_seconds
from pao.clients.destinations import NOT_ALLOWED, Destinations, target_of
from pao.clients.http import HttpDoor
from pao.clients.redaction import MASK, masked_text, masked_url
from pao.core.errors import CallRefused, ConnectFailed, JobFailed, OutcomeUnknown
from requests_app.domain.waits import Wait

ACCEPTED = 202
LONGEST_ADDRESS = 2_000
LONGEST_PAUSE = 3_600.0
# The pause grows to this share of the time waited, so that a day has fewer than 200 looks and not 86,400 (ADR 6).
SHARE_OF_WAITED = 0.05
_SUCCESS = range(200, 300)
_SERVER_ERRORS = range(500, 600)
_ASK_AGAIN = frozenset({408, 425, 429})
_OF_THE_CALL = frozenset({"content-type", "idempotency-key"})


@dataclass(frozen=True)
class Asking:
    """One job that is asked for: the call that began it, by what it may be asked, and what is known outside of it."""

    prepared: Prepared
    poll: Poll
    door: HttpDoor
    allowed: Destinations
    references: tuple[Reference, ...] = ()

    @property
    def endpoint(self) -> Endpoint:
        """What was called to begin the job."""
        return self.prepared.endpoint

    def shown(self, address: str) -> str:
        """Return the question as people may read it."""
        return f"GET {masked_url(address, self.prepared.secrets)}"


def begun(asking: Asking, result: Mapping[str, Any], warnings: tuple[str, ...]) -> Outcome:
    """Return what the answer to the call means: that all is done already, or that the job is to be waited for.

    Raises `JobFailed` when it has failed already, or when the answer does not say where to ask.
    """
    if result["status"] != ACCEPTED and _ends(asking, result, str(result["status"])):
        return Outcome(result, asking.references, warnings)
    address = address_of(asking, result)
    return _later(asking, address, result, waited=0.0, pause=asking.poll.interval)


def look(asking: Asking, address: str, context: Context, *, waited: float) -> Outcome:
    """Ask once; return the job's end, or the wait for the next look. `waited` is in seconds, up to now.

    Raises `JobFailed` when the job has failed, or when the answer cannot be one about it.
    """
    pause = min(LONGEST_PAUSE, max(asking.poll.interval, waited * SHARE_OF_WAITED))
    try:
        answer = asking.door.call(
            "GET",
            address,
            policy=asking.allowed,
            headers=_headers(asking, address),
            timeout_seconds=asking.endpoint.timeout,
            not_after=context.deadline,
            raise_for=frozenset({http.REDIRECTS}),
        )
    except (ConnectFailed, OutcomeUnknown) as silence:
        context.journal.note(f"{asking.shown(address)} gave no answer; it is asked again. {silence.message}")
        return _later(asking, address, {}, waited=waited, pause=pause)
    except CallRefused as refusal:
        raise _unreadable(asking, refusal.message.removesuffix(".")) from refusal
    if answer.status in _ASK_AGAIN or answer.status in _SERVER_ERRORS:
        context.journal.note(f"{asking.shown(address)} was answered with {answer.status}; it is asked again.")
        wait = min(LONGEST_PAUSE, max(pause, retry_after_seconds(answer.headers) or 0.0))
        return _later(asking, address, {}, waited=waited, pause=wait)
    result, warnings = _readable(asking, address, answer)
    if _ends(asking, result, asking.shown(address)):
        return Outcome(result, asking.references, warnings)
    return _later(asking, address, result, waited=waited, pause=pause)


def address_of(asking: Asking, result: Mapping[str, Any]) -> str:
    """Return where to ask: the document's address, else what the answer names, by `urlFrom` or its Location.

    Raises `JobFailed` when it names nothing that can be called, or what no operator has allowed.
    """
    poll, called = asking.poll, asking.endpoint.url
    named = poll.url or (poll.url_from.search(result) if poll.url_from else result["headers"].get("location"))
    where = "its Location" if poll.url_from is None else "poll.urlFrom"
    if not isinstance(named, str) or not named or len(named) > LONGEST_ADDRESS:
        raise _unreadable(asking, f"The job was begun, but the answer does not say where to ask for it, in {where}")
    if MASK in named or named.endswith("(cut)"):
        raise _unreadable(asking, "The job was begun; its address is long or holds a secret, and was not kept")
    try:
        address = urljoin(called, named)
    except ValueError:
        raise _unreadable(asking, f"The job was begun, but {where} of the answer is no address") from None
    try:
        asking.allowed.check(address)
    except CallRefused as refusal:
        sentence = f"The job was begun, but may not be asked for. {refusal.message}"
        raise JobFailed(sentence, code=NOT_ALLOWED, references=asking.references) from refusal
    return address


def _readable(asking: Asking, address: str, answer: Answer) -> tuple[dict[str, Any], tuple[str, ...]]:
    result, warnings = result_of(answer, asking.prepared.secrets)
    if answer.status not in _SUCCESS:
        words = masked_text(answer.text().strip(), asking.prepared.secrets, 200)
        said = f"{asking.shown(address)} was answered with {answer.status}" + (f": {words}" if words else "")
        raise _unreadable(asking, said)
    return result, warnings


def _ends(asking: Asking, result: Mapping[str, Any], who: str) -> bool:
    """Whether the answer ends the asking; raises `JobFailed` when it tells that the job has failed."""
    if asking.poll.fail_when is not None and _holds(asking.poll.fail_when, result):
        raise JobFailed(
            f"The job has failed at the other side: {who} fulfils {asking.poll.fail_when.expression}.",
            references=asking.references,
        )
    return _holds(asking.poll.until, result)


def _holds(condition: ParsedResult, result: Mapping[str, Any]) -> bool:
    """Whether the condition gives true over the answer; what cannot be applied to it does not hold."""
    try:
        return condition.search(result) is True
    except (JMESPathError, RecursionError):
        return False


def _later(asking: Asking, address: str, result: Mapping[str, Any], *, waited: float, pause: float) -> Outcome:
    wait = Wait(
        what=f"{asking.shown(address)} to fulfil {asking.poll.until.expression}",
        ends_after=asking.poll.timeout,
        looks_after=pause,
        state={"url": address, "waited": round(waited + pause, 1)},
        is_secret=tells_a_secret(address),
    )
    return Outcome(result, asking.references, wait=wait)


def _headers(asking: Asking, address: str) -> dict[str, str]:
    """Return the call's headers, with its credentials, for the same scheme, host and port only; else none (B47)."""
    asked, called = target_of(address), target_of(asking.endpoint.url)
    if (asked.scheme, asked.host, asked.port) != (called.scheme, called.host, called.port):
        return {"Accept": "application/json"}
    return {name: value for name, value in asking.prepared.headers.items() if name.lower() not in _OF_THE_CALL}


def _unreadable(asking: Asking, sentence: str) -> JobFailed:
    return JobFailed(f"{sentence}.", code="JOB_UNREADABLE", references=asking.references)
