"""Jobs behind REST calls: where they are asked for, what an answer means, and what goes to whom (F42-F45, B47)."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from fulfillment.actions.protocol import Outcome
from fulfillment.actions.rest_api import CALL, RestApi
from pao.clients.destinations import Destinations
from pao.clients.http import HttpDoor
from pao.clients.wire import Limits
from pao.core.errors import JobFailed
from requests_app.domain.waits import Wait
from tests.fulfillment.actions.fakes import MemoryJournal, context
from tests.pao.clients.server import Answering, FaultServer, answer, reset

UNTIL = {"until": "body.state == 'done'", "failWhen": "body.state == 'failed'", "interval": 20}


def says(status: int, body: bytes = b"{}", *, Location: str = "", Retry_After: str = "") -> Answering:  # noqa: N803 - as in HTTP
    return answer(status, body, Content_Type="application/json", Location=Location, Retry_After=Retry_After)


ACCEPTED = says(202, b'{"state": "queued", "links": {"self": "/jobs/7"}}', Location="/jobs/1")
RUNNING = says(200, b'{"state": "running"}')
DONE = says(200, b'{"state": "done", "database": {"url": "postgres://db"}}')


@pytest.fixture
def journal() -> MemoryJournal:
    return MemoryJournal()


@pytest.fixture
def door() -> Iterator[HttpDoor]:
    made = HttpDoor(Limits(connect_seconds=5, read_seconds=5, max_bytes=5000))
    yield made
    made.close()


@pytest.fixture
def allowed() -> list[str]:
    return []


@pytest.fixture
def action(door: HttpDoor, allowed: list[str]) -> RestApi:
    return RestApi(lambda: door, lambda: Destinations.of(allowed, loopback=True))


def config(server: FaultServer, allowed: list[str], poll: Mapping[str, Any] = UNTIL, **more: Any) -> dict[str, Any]:
    allowed.append(server.url)
    body = {"type": "json", "content": '{"size": 2}'}
    return {"endpoint": {"url": f"{server.url}/databases", "method": "POST"}, "body": body, "poll": dict(poll), **more}


def waiting(outcome: Outcome) -> Wait:
    assert outcome.wait is not None
    return outcome.wait


def looked(action: RestApi, given: Mapping[str, Any], journal: MemoryJournal, wait: Wait) -> Outcome:
    """Look as the attempt after a wait does."""
    return action.run(given, context(journal, attempt=2, waited=wait.state))


def test_a_job_is_begun_once_and_asked_for_until_it_is_done(
    action: RestApi, journal: MemoryJournal, allowed: list[str]
) -> None:
    with FaultServer([ACCEPTED, RUNNING, DONE]) as server:
        given = config(server, allowed)
        begun = action.run(given, context(journal))
        running = looked(action, given, journal, waiting(begun))
        ended = looked(action, given, journal, waiting(running))
    assert [(sent.method, sent.target) for sent in server.requests] == [
        ("POST", "/databases"),
        ("GET", "/jobs/1"),
        ("GET", "/jobs/1"),
    ]
    assert waiting(begun) == Wait(
        what=f"GET {server.url}/jobs/1 to fulfil body.state == 'done'",
        ends_after=3600,
        looks_after=20,
        state={"url": f"{server.url}/jobs/1", "waited": 20.0},
    )
    assert waiting(running).state == {"url": f"{server.url}/jobs/1", "waited": 40.0}
    assert (ended.wait, ended.result["status"], ended.result["body"]["database"]) == (
        None,
        200,
        {"url": "postgres://db"},
    )
    assert [reference.key for reference in begun.references] == ["/jobs/1"]
    assert ended.references == begun.references
    assert [intent[0] for intent in journal.intents] == [CALL], "a question leaves nothing, so it is no intent"


@pytest.mark.parametrize(
    ("first", "poll", "target"),
    [
        (ACCEPTED, {"url": "/jobs/fixed"}, "/jobs/fixed"),
        (ACCEPTED, {"urlFrom": "body.links.self"}, "/jobs/7"),
        (ACCEPTED, {}, "/jobs/1"),
        (says(201, b'{"state": "creating"}', Location="/databases/1"), {}, "/databases/1"),  # not ended yet
        (says(202, b'{"state": "done"}', Location="/jobs/1"), {}, "/jobs/1"),  # 202 is always asked after
    ],
    ids=["the document's", "by path", "Location", "a 201", "a 202"],
)
def test_where_a_job_is_asked_for(
    action: RestApi,
    journal: MemoryJournal,
    allowed: list[str],
    first: Answering,
    poll: dict[str, str],
    target: str,
) -> None:
    with FaultServer([first, DONE]) as server:
        poll = {name: f"{server.url}{value}" if name == "url" else value for name, value in poll.items()}
        given = config(server, allowed, UNTIL | poll)
        looked(action, given, journal, waiting(action.run(given, context(journal))))
    assert server.requests[1].target == target


def test_an_answer_that_fulfils_the_condition_at_once_is_the_end(
    action: RestApi, journal: MemoryJournal, allowed: list[str]
) -> None:
    with FaultServer([DONE]) as server:
        outcome = action.run(config(server, allowed), context(journal))
    assert (outcome.wait, outcome.result["body"]["state"], len(server.requests)) == (None, "done", 1)


@pytest.mark.parametrize(
    "silence",
    [
        says(408),
        says(425),
        says(429),
        says(500),
        says(503),
        reset,
    ],
    ids=["408", "425", "429", "500", "503", "no answer"],
)
def test_what_says_nothing_about_the_job_is_asked_again(
    action: RestApi, journal: MemoryJournal, allowed: list[str], silence: Answering
) -> None:
    """W04."""
    with FaultServer([ACCEPTED, silence, DONE]) as server:
        given = config(server, allowed)
        doubtful = looked(action, given, journal, waiting(action.run(given, context(journal))))
        assert waiting(doubtful).looks_after == 20
        assert "asked again" in journal.notes[-1]
        assert looked(action, given, journal, waiting(doubtful)).wait is None
    assert [sent.method for sent in server.requests] == ["POST", "GET", "GET"]


def test_a_side_that_is_away_is_asked_again(action: RestApi, journal: MemoryJournal, allowed: list[str]) -> None:
    with FaultServer([ACCEPTED]) as server:
        given = config(server, allowed)
        wait = waiting(action.run(given, context(journal)))
    assert waiting(looked(action, given, journal, wait)).state["waited"] == 40.0


@pytest.mark.parametrize(("asked_for", "pause"), [("90", 90.0), ("5", 20.0), ("99999", 3600.0), ("soon", 20.0)])
def test_the_other_side_may_ask_for_a_longer_pause(
    action: RestApi, journal: MemoryJournal, allowed: list[str], asked_for: str, pause: float
) -> None:
    """W04."""
    with FaultServer([ACCEPTED, says(503, Retry_After=asked_for)]) as server:
        given = config(server, allowed)
        later = looked(action, given, journal, waiting(action.run(given, context(journal))))
    assert waiting(later).looks_after == pause


@pytest.mark.parametrize(("waited", "pause"), [(0.0, 1.0), (20.0, 1.0), (200.0, 10.0), (80_000.0, 3_600.0)])
def test_the_longer_it_lasts_the_rarer_it_is_asked(
    action: RestApi, journal: MemoryJournal, allowed: list[str], waited: float, pause: float
) -> None:
    with FaultServer([RUNNING]) as server:
        journal.results[CALL] = {"status": 202, "headers": {}, "body": {}}
        given = config(server, allowed, UNTIL | {"interval": 1})
        state = {"url": f"{server.url}/jobs/1", "waited": waited}
        later = action.run(given, context(journal, waited=state))
    assert waiting(later).looks_after == pause


def test_a_day_of_questions_is_bounded() -> None:
    """ADR 6: a wait of a day at the shortest interval has fewer than 200 looks."""
    waited, looks = 0.0, 0
    while waited < 86_400:
        waited += min(3_600.0, max(1.0, waited * 0.05))
        looks += 1
    assert looks < 200


@pytest.mark.parametrize(
    ("answers", "code", "words"),
    [
        ([says(202, b'{"state": "failed"}')], "JOB_UNREADABLE", "in its Location"),
        ([ACCEPTED, says(200, b'{"state": "failed"}')], "JOB_FAILED", "fulfils body.state == 'failed'"),
        ([says(200, b'{"state": "failed"}')], "JOB_FAILED", "The job has failed at the other side: 200"),
        ([ACCEPTED, says(404, b'{"error": "gone"}')], "JOB_UNREADABLE", 'answered with 404: {"error": "gone"}'),
        ([ACCEPTED, says(401)], "JOB_UNREADABLE", "answered with 401"),
        ([ACCEPTED, says(302, Location="/elsewhere")], "JOB_UNREADABLE", "302"),
        ([says(202, Location="http://[x")], "JOB_UNREADABLE", "is no address"),
        ([says(202, Location="/" + "x" * 2_000)], "JOB_UNREADABLE", "does not say where"),
        ([says(202, Location="http://169.254.169.254/latest")], "DESTINATION_NOT_ALLOWED", "may not be asked for"),
        ([says(202, Location="http://other.example.com/jobs/1")], "DESTINATION_NOT_ALLOWED", "PAO_REST_ALLOWED"),
    ],
)
def test_a_job_that_fails_or_cannot_be_asked_for(
    action: RestApi, journal: MemoryJournal, allowed: list[str], answers: list[Answering], code: str, words: str
) -> None:
    with FaultServer(answers) as server:
        given = config(server, allowed)
        with pytest.raises(JobFailed) as failed:
            looked(action, given, journal, waiting(action.run(given, context(journal))))
    assert (failed.value.facts.get("code") or failed.value.code) == code
    assert words in failed.value.message
    assert "A retry asks for the same job again" in failed.value.next_step
    assert len(server.requests) == len(answers)
    assert CALL in journal.results, "the call itself is answered, so that no attempt repeats it"


@pytest.mark.parametrize(
    "condition", ["body.state", "body.count", "length(body.state) > `2`", "body.missing.member", "`1`"]
)
def test_only_true_ends_the_asking(action: RestApi, journal: MemoryJournal, allowed: list[str], condition: str) -> None:
    """`body.state` of "false" is a text, and no text is true; what cannot be applied to the answer holds not."""
    with FaultServer([says(200, b'{"state": 5, "count": 3}', Location="/jobs/1")]) as server:
        outcome = action.run(config(server, allowed, {"until": condition}), context(journal))
    assert outcome.wait is not None


def test_a_retry_asks_at_once_for_the_job_that_is_there(
    action: RestApi, journal: MemoryJournal, allowed: list[str]
) -> None:
    """A person's retry, or the attempt after a worker that was lost between the call and the record."""
    with FaultServer([ACCEPTED, DONE]) as server:
        given = config(server, allowed)
        action.run(given, context(journal))
        outcome = action.run(given, context(journal, attempt=3))
    assert ([sent.method for sent in server.requests], outcome.wait) == (["POST", "GET"], None)


def test_an_address_that_was_masked_when_it_was_kept_is_not_guessed(
    action: RestApi, journal: MemoryJournal, allowed: list[str]
) -> None:
    with FaultServer([says(202, b"{}", Location="/jobs/1?token=t0p-s3cret")]) as server:
        given = config(server, allowed)
        wait = waiting(action.run(given, context(journal)))
        assert wait.is_secret
        assert "t0p-s3cret" not in wait.what
        with pytest.raises(JobFailed, match="long or holds a secret"):
            action.run(given, context(journal, attempt=2))
    assert len(server.requests) == 1


def test_credentials_go_to_the_same_host_only(action: RestApi, journal: MemoryJournal, allowed: list[str]) -> None:
    """B47: what an answer names must not draw a secret to another port or host, allowed or not."""
    with FaultServer([DONE]) as other, FaultServer([ACCEPTED, RUNNING]) as server:
        allowed.append(other.url)
        more = {"authentication": {"type": "bearer", "secret": "team/token"}, "headers": {"X-Team": "hunter"}}
        given = config(server, allowed, **more)
        begun = waiting(action.run(given, context(journal)))
        looked(action, given, journal, begun)
        away = config(server, allowed, UNTIL | {"url": f"{other.url}/jobs/1"}, **more)
        action.run(away, context(journal, waited={"url": f"{other.url}/jobs/1", "waited": 1.0}))
    post, question = server.requests
    assert question.headers["authorization"] == post.headers["authorization"] == "Bearer tok-hunter22-value"
    assert (question.headers["x-team"], "idempotency-key" in question.headers) == ("hunter", False)
    [elsewhere] = other.requests
    assert {"authorization", "x-team", "idempotency-key"}.isdisjoint(elsewhere.headers)


def test_a_secret_that_is_echoed_is_masked_in_result_and_words(
    action: RestApi, journal: MemoryJournal, allowed: list[str]
) -> None:
    echo = says(200, b'{"state": "done", "echo": "tok-hunter22-value"}')
    with FaultServer([ACCEPTED, echo, says(404, b"tok-hunter22-value")]) as server:
        given = config(server, allowed, authentication={"type": "bearer", "secret": "team/token"})
        wait = waiting(action.run(given, context(journal)))
        assert "hunter22" not in str(looked(action, given, journal, wait).result)
        with pytest.raises(JobFailed) as failed:
            looked(action, given, journal, wait)
    assert "hunter22" not in failed.value.message


@pytest.mark.parametrize(
    ("poll", "address", "note"),
    [
        ({}, "(headers.location of the answer)", "Asked every 20 s until body.state == 'done', 3600 s at most."),
        ({"urlFrom": "body.links.self"}, "(body.links.self of the answer)", None),
        ({"url": "/jobs/1?token=abc"}, "/jobs/1?token=[secret]", None),
    ],
)
def test_a_dry_run_shows_the_question_too(
    action: RestApi, journal: MemoryJournal, allowed: list[str], poll: dict[str, str], address: str, note: str | None
) -> None:
    with FaultServer([]) as server:
        poll = {name: f"{server.url}{value}" if name == "url" else value for name, value in poll.items()}
        _, question = action.plan(config(server, allowed, UNTIL | poll), context(journal))
    assert question.method == "GET"
    assert question.url.removeprefix(server.url) == address
    assert note in {None, question.note}
    assert server.requests == []
