"""The action type `rest-api`: one HTTP call, repeated inside the attempt only when the document asks for it, and asked
after until the job that it began has ended, when the document says where (`rest_poll`).

Every call carries `Idempotency-Key`, the task's id, the same in every repetition and attempt (R6, F43). What an answer
means for a task that must not be done twice is decided in `_judged`.
"""

import random
import time
from collections.abc import Callable, Mapping
from typing import Any, ClassVar
from urllib.parse import urlsplit

from fulfillment.actions import rest_poll
from fulfillment.actions.protocol import Call, Context, Outcome, Reference, Status, Verdict
from fulfillment.actions.rest_call import TYPE, Endpoint, Poll, Prepared, prepare
from fulfillment.actions.rest_poll import Asking
from fulfillment.actions.rest_result import KEPT_CHARACTERS, kept, references, result_of
from pao.clients import destinations, http
from pao.clients.answers import Answer, retry_after_seconds
from pao.clients.destinations import Destinations
from pao.clients.http import HttpDoor
from pao.clients.redaction import MASK, masked_body, masked_headers, masked_text, masked_url
from pao.core import clock
from pao.core.errors import ActionFailed, CallRefused, ConnectFailed, OutcomeUnknown

CALL = "call"
LONGEST_WAIT_SECONDS = 30.0
_TOO_MANY = 429
_SERVER_ERRORS = range(500, 600)
_CLIENT_ERRORS = range(400, 500)


class RestApi:
    """Calls REST endpoints; `door` and `allowed` give the HTTP door and the allowlist, those of the settings."""

    type: ClassVar[str] = TYPE

    def __init__(
        self,
        door: Callable[[], HttpDoor] = http.door,
        allowed: Callable[[], Destinations] = destinations.from_settings,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._door, self._allowed, self._sleep = door, allowed, sleep

    def plan(self, config: Mapping[str, Any], context: Context) -> tuple[Call, ...]:
        """Return the call that `run` would make, without reading any secret."""
        endpoint = Endpoint.from_config(config)
        prepared = prepare(endpoint, context.task_id, lambda _: MASK)
        self._allowed().check(endpoint.url)
        shown = masked_body(endpoint.content, limit=KEPT_CHARACTERS) if prepared.body is not None else None
        call = Call(endpoint.method, masked_url(_with_query(endpoint)), shown, masked_headers(prepared.headers))
        return (call,) if endpoint.poll is None else (call, self._question(endpoint.poll))

    def run(self, config: Mapping[str, Any], context: Context) -> Outcome:
        """Make the call, once, or as often as the document's `retry` allows for what certainly did nothing.

        Raises `CallRefused` (4xx, redirects, destinations that are not allowed), `ConnectFailed`, `TemplateError` for a
        body or header that cannot be sent, `ActionFailed` with code SERVER_ERROR or UNEXPECTED_STATUS when repeating is
        safe, and `OutcomeUnknown` when it is not. With `poll` the outcome may be a wait, and later attempts are looks.
        """
        known = context.journal.result_of(CALL)
        endpoint = Endpoint.from_config(config)
        if known is not None and endpoint.poll is None:
            return Outcome(known, warnings=("The answer was recorded by an earlier attempt, with its secrets masked.",))
        prepared = prepare(endpoint, context.task_id, context.secret)
        if known is not None and endpoint.poll is not None:
            return self._looked(self._asking(prepared, endpoint.poll, known), known, context)
        self._allowed().check(endpoint.url)
        sent = {
            "method": endpoint.method,
            "url": masked_url(_with_query(endpoint), prepared.secrets),
            "headers": masked_headers(prepared.headers, prepared.secrets),
            "body_bytes": len(prepared.body or b""),
        }
        context.journal.intend(CALL, prepared.name, sent)
        answer = self._answered(prepared, context)
        result, warnings = result_of(answer, prepared.secrets)
        context.journal.done(CALL, kept(result, prepared.secrets), answer=result)
        if endpoint.poll is not None:
            return rest_poll.begun(self._asking(prepared, endpoint.poll, result), result, warnings)
        return Outcome(result, references(endpoint.url, result), warnings)

    def reconcile(self, config: Mapping[str, Any], context: Context, step: str) -> Verdict:
        """Say whether the call may be sent again: only the method, or the document's word, can tell."""
        del step
        endpoint = Endpoint.from_config(config)
        if endpoint.idempotent:
            return Verdict("not_done", f"Safe to send again: {endpoint.method} on this endpoint is idempotent.")
        return Verdict(
            "unknown",
            f"{endpoint.method} is not idempotent and cannot be looked up. Ask the owner of "
            f"{urlsplit(endpoint.url).netloc} for a call with the Idempotency-Key {context.task_id}.",
        )

    def status(self, reference: Reference) -> Status:
        """A REST call leaves nothing that PAO knows how to ask about."""
        return Status("unknown", f"PAO cannot ask {urlsplit(reference.url).netloc or 'the endpoint'} how it stands.")

    def _question(self, poll: Poll) -> Call:
        """Return the question that is asked until the job has ended, as a dry run shows it."""
        if poll.url:
            self._allowed().check(poll.url)
        named = poll.url_from.expression if poll.url_from else "headers.location"
        address = masked_url(poll.url) if poll.url else f"({named} of the answer)"
        return Call(
            "GET",
            address,
            note=f"Asked every {poll.interval:g} s until {poll.until.expression}, {poll.timeout:g} s at most.",
        )

    def _asking(self, prepared: Prepared, poll: Poll, result: Mapping[str, Any]) -> Asking:
        made = references(prepared.endpoint.url, result)
        return Asking(prepared, poll, self._door(), self._allowed(), made)

    def _looked(self, asking: Asking, known: Mapping[str, Any], context: Context) -> Outcome:
        """Look how far the job is that the call of an earlier attempt has begun."""
        state = context.waited or {}
        address = str(state.get("url") or "") or rest_poll.address_of(asking, known)
        return rest_poll.look(asking, address, context, waited=float(state.get("waited") or 0.0))

    def _answered(self, prepared: Prepared, context: Context) -> Answer:
        """Return the answer that means success; raise what the last one means, or an earlier doubt that it leaves."""
        doubt: OutcomeUnknown | None = None
        repeatable = ""
        sends = 0
        while True:
            sends += 1
            wait: float | None = None
            try:
                answer = self._door().call(
                    prepared.endpoint.method,
                    prepared.endpoint.url,
                    policy=self._allowed(),
                    headers=prepared.headers,
                    params=prepared.endpoint.query,
                    body=prepared.body,
                    timeout_seconds=prepared.endpoint.timeout,
                    not_after=context.deadline,
                    raise_for=frozenset({http.REDIRECTS}),
                )
                if prepared.endpoint.expects(answer.status):
                    return answer
                failure = _judged(answer, prepared)
                again = answer.status == _TOO_MANY or answer.status in _SERVER_ERRORS
                wait = retry_after_seconds(answer.headers)
            except ActionFailed as error:
                failure = error
                again = isinstance(error, ConnectFailed) or (
                    isinstance(error, OutcomeUnknown) and prepared.endpoint.idempotent
                )
            if isinstance(failure, OutcomeUnknown):
                doubt = doubt or failure
            repeatable = repeatable or str(failure.facts.get("repeatable") or "")
            pause = max(wait or 0.0, _backoff(prepared.endpoint, sends))
            in_time = clock.monotonic() + pause + http.LEAST_SECONDS < context.deadline
            if not again or sends > prepared.endpoint.attempts or not in_time:
                failure.facts["repeatable"] = repeatable
                raise _final(failure, doubt, sends, context)
            context.journal.note(f"{failure.message} Repeating in {pause:.1f} s", at_once=True, send=sends)
            self._sleep(pause)


def _final(failure: ActionFailed, doubt: OutcomeUnknown | None, sends: int, context: Context) -> ActionFailed:
    """Return what to raise: a certain failure of the last send does not make an earlier one certain."""
    if doubt is None:
        return failure
    earlier = "" if failure is doubt else f" An earlier send of this attempt remains in doubt: {doubt.message}"
    return OutcomeUnknown(f"{failure.message}{earlier}", **{**doubt.facts, "marker": context.task_id, "sends": sends})


def _judged(answer: Answer, prepared: Prepared) -> ActionFailed:
    """Return what an answer means that is not the expected one (rule R3, F42-F44)."""
    words = masked_text(answer.text().strip(), prepared.secrets, 500)
    said = f"{prepared.name} was answered with {answer.status}" + (f": {words[:200]}" if words else "")
    facts: dict[str, Any] = {
        "status": answer.status,
        "words": words,
        "retry_after": retry_after_seconds(answer.headers),
    }
    if answer.status in _CLIENT_ERRORS:
        return CallRefused(f"{said}.", **facts)
    code = "SERVER_ERROR" if answer.status in _SERVER_ERRORS else "UNEXPECTED_STATUS"
    if prepared.endpoint.idempotent:
        sentence = f"{said}. The call is idempotent, so a retry is safe."
        return ActionFailed(sentence, code=code, repeatable=sentence, **facts)
    return OutcomeUnknown(f"{said}; whether it had its effect is not known.", **facts)


def _with_query(endpoint: Endpoint) -> str:
    if not endpoint.query:
        return endpoint.url
    joined = "&".join(f"{name}={value}" for name, value in endpoint.query.items())
    return f"{endpoint.url}{'&' if '?' in endpoint.url else '?'}{joined}"


def _backoff(endpoint: Endpoint, sends: int) -> float:
    """Return the seconds before the next repetition, with jitter so that many tasks do not come back at once."""
    full = min(LONGEST_WAIT_SECONDS, float(2 ** (sends - 1) if endpoint.backoff == "exponential" else sends))
    return full * random.SystemRandom().uniform(0.5, 1.0)
