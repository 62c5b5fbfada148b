"""The action type `rest-api`: one HTTP call, repeated inside the attempt only when the document asks for it.

Every call carries `Idempotency-Key`, the task's id, the same in every repetition and attempt (R6, F43). What an answer
means for a task that must not be done twice is decided in `_judged`.
"""

import random
import time
from collections.abc import Callable, Mapping
from typing import Any, ClassVar
from urllib.parse import urljoin, urlsplit

from fulfillment.actions.protocol import Call, Context, Outcome, Reference, Status, Verdict
from fulfillment.actions.rest_call import Endpoint, Prepared, prepare
from pao.clients import destinations, http
from pao.clients.answers import Answer, retry_after_seconds
from pao.clients.destinations import Destinations
from pao.clients.http import HttpDoor
from pao.clients.redaction import MASK, masked_body, masked_headers, masked_text, masked_url, masked_value
from pao.core import clock
from pao.core.errors import ActionFailed, CallRefused, ConnectFailed, OutcomeUnknown

TYPE = "rest-api"
CALL = "call"
KEPT_CHARACTERS = 65_536
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
        return (Call(endpoint.method, masked_url(_with_query(endpoint)), shown, masked_headers(prepared.headers)),)

    def run(self, config: Mapping[str, Any], context: Context) -> Outcome:
        """Make the call, once, or as often as the document's `retry` allows for what certainly did nothing.

        Raises `CallRefused` (4xx, redirects, destinations that are not allowed), `ConnectFailed`, `TemplateError` for a
        body or header that cannot be sent, `ActionFailed` with code SERVER_ERROR or UNEXPECTED_STATUS when repeating is
        safe, and `OutcomeUnknown` when it is not.
        """
        known = context.journal.result_of(CALL)
        if known is not None:
            return Outcome(known, warnings=("The answer was recorded by an earlier attempt, with its secrets masked.",))
        endpoint = Endpoint.from_config(config)
        prepared = prepare(endpoint, context.task_id, context.secret)
        self._allowed().check(endpoint.url)
        sent = {
            "method": endpoint.method,
            "url": masked_url(_with_query(endpoint), prepared.secrets),
            "headers": masked_headers(prepared.headers, prepared.secrets),
            "body_bytes": len(prepared.body or b""),
        }
        context.journal.intend(CALL, prepared.name, sent)
        answer = self._answered(prepared, context)
        result, warnings = _result(answer, prepared.secrets)
        context.journal.done(CALL, _kept(result, prepared.secrets), answer=result)
        return Outcome(result, _references(endpoint, result), warnings)

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

    def _answered(self, prepared: Prepared, context: Context) -> Answer:
        """Return the answer that means success; raise what the last one means, or an earlier doubt that it leaves."""
        doubt: OutcomeUnknown | None = None
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
            pause = max(wait or 0.0, _backoff(prepared.endpoint, sends))
            in_time = clock.monotonic() + pause + http.LEAST_SECONDS < context.deadline
            if not again or sends > prepared.endpoint.attempts or not in_time:
                raise _final(failure, doubt, sends, context)
            context.journal.note(f"{failure.message} Repeating in {pause:.1f} s", send=sends)
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
        return ActionFailed(f"{said}. The call is idempotent, so a retry is safe.", code=code, **facts)
    return OutcomeUnknown(f"{said}; whether it had its effect is not known.", **facts)


def _result(answer: Answer, secrets: tuple[str, ...]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return `{status, headers, body}` without our own secrets (B59), and a warning when the body cannot be read."""
    headers = {name: value for name, value in answer.headers.items() if name != "set-cookie"}
    content: Any = answer.text()
    warnings: tuple[str, ...] = ()
    declared = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not answer.body and answer.complete:
        content = None
    elif not answer.complete:
        warnings = (f"The call succeeded with {answer.status}, but {answer.problem}.",)
    elif not declared or declared.endswith(("/json", "+json")):
        try:
            content = answer.json()
        except ValueError as error:
            if declared:
                warnings = (f"The call succeeded with {answer.status}, but its body is not JSON: {error}.",)
    shown = {"status": answer.status, "headers": headers, "body": content}
    return dict(masked_value(shown, secrets, by_name=False)), warnings


def _kept(result: Mapping[str, Any], secrets: tuple[str, ...]) -> dict[str, Any]:
    """Return what the journal keeps of a result: secrets masked by name too, for the journal is not sealed."""
    return {
        "status": result["status"],
        "headers": masked_headers(result["headers"], secrets),
        "body": masked_body(result["body"], secrets, KEPT_CHARACTERS),
    }


def _references(endpoint: Endpoint, result: Mapping[str, Any]) -> tuple[Reference, ...]:
    """Return what the answer says it created: its Location, when it names one on the same host."""
    location = result["headers"].get("location", "")
    try:
        url = urlsplit(urljoin(endpoint.url, location))
    except ValueError:  # not an address; the call is done all the same
        return ()
    if not location or url.netloc != urlsplit(endpoint.url).netloc:
        return ()
    return (Reference(TYPE, url.path, masked_url(url.geturl())),)


def _with_query(endpoint: Endpoint) -> str:
    if not endpoint.query:
        return endpoint.url
    joined = "&".join(f"{name}={value}" for name, value in endpoint.query.items())
    return f"{endpoint.url}{'&' if '?' in endpoint.url else '?'}{joined}"


def _backoff(endpoint: Endpoint, sends: int) -> float:
    """Return the seconds before the next repetition, with jitter so that many tasks do not come back at once."""
    full = min(LONGEST_WAIT_SECONDS, float(2 ** (sends - 1) if endpoint.backoff == "exponential" else sends))
    return full * random.SystemRandom().uniform(0.5, 1.0)
