"""The queue over HTTP, for operators: what is live, what died and why, and what is decided about the dead letters."""

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from pao.audit.models import AuditEvent
from pao.core.clock import now
from pao.core.context import Principal
from pao.core.ids import new_id
from queueops import sqs
from queueops.models import DeadLetter, OutboxMessage
from requests_app import queue
from requests_app.abort import abort
from requests_app.api import queue_shapes
from requests_app.models import FulfillmentTask, ResourceRequest
from requests_app.redrive import MOST_AT_ONCE
from tests.conftest import PERSONAE
from tests.described import as_described
from tests.factories import principal, serve_stack, submitted, tasks_by_component
from tests.requests_app.ledger import claimed, completed, everything_stored
from tests.requests_app.test_queue import died, sent
from tests.requests_app.test_redrive import dead, letter_of, parallel_with

pytestmark = pytest.mark.django_db

MESSAGES = "/api/v1/queue/messages"
LETTERS = "/api/v1/queue/dlq/messages"
REDRIVE_MANY = "/api/v1/queue/dlq/redrive"
NOBODY = "01234567-89ab-7def-8123-456789abcdef"
Api = Callable[..., APIClient]


@pytest.fixture
def olga(api: Api) -> APIClient:
    """The API for an operator."""
    return api("operator")


@pytest.fixture(autouse=True)
def _queue_is_not_touched(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail every test in which the API goes to SQS: whatever is asked here comes from the ledger."""
    asked: list[str] = []

    def touch(*_args: object, **_options: object) -> object:
        asked.append("SQS")
        raise AssertionError("the API asked SQS")

    monkeypatch.setattr(sqs, "new_client", touch)
    monkeypatch.setattr(sqs, "client", touch)
    yield
    assert asked == []


@pytest.fixture
def first() -> FulfillmentTask:
    """The first task of a request of three, queued."""
    return first_of(serve_stack(), by=principal("requester"))


def first_of(entry: str = "bundle-stack-test", by: Principal | None = None) -> FulfillmentTask:
    """Submit a request; return its first task, queued."""
    task = tasks_by_component(submitted(entry, by=by))["database"]
    task.refresh_from_db()
    return task


def of(message_id: str, verb: str) -> str:
    """Return the address of a verb about one letter."""
    return f"/api/v1/queue/dlq/{message_id}/{verb}"


def data(answer: Any, status: int = 200) -> Any:
    """Return what is in the envelope of an answer that is as described."""
    assert as_described(answer).status_code == status, answer.content
    return answer.json()["data"]


def refusal(answer: Any) -> tuple[int, str]:
    """Return status and code of an error."""
    return as_described(answer).status_code, answer.json()["error"]["code"]


# --- who


ROUTES = [
    ("GET", MESSAGES),
    ("GET", f"{MESSAGES}/group"),
    ("GET", LETTERS),
    ("POST", of("letter", "redrive")),
    ("POST", of("letter", "discard")),
    ("POST", REDRIVE_MANY),
]


@pytest.mark.parametrize("persona", sorted({*PERSONAE} - {"operator"}))
def test_the_queue_is_for_operators_only(api: Api, first: FulfillmentTask, persona: str) -> None:
    """Also of a request of one's own, and of one's own team's entries."""
    letter = dead(first)
    before = everything_stored()
    client = api(persona)
    for method, route in ROUTES:
        path = route.replace("letter", letter.message_id).replace("group", letter.group_id)
        body = {"all": True} if path == REDRIVE_MANY else {"reason": "x"}
        answer = client.get(path) if method == "GET" else client.post(path, body, format="json")
        assert refusal(answer) == (403, "FORBIDDEN"), route
    assert everything_stored() == before


def test_another_tenants_queue_is_not_there(olga: APIClient, first: FulfillmentTask) -> None:
    letter = dead(first)
    group = letter.group_id
    DeadLetter.objects.update(tenant="another")
    OutboxMessage.objects.update(tenant="another")
    FulfillmentTask.objects.update(tenant="another")
    assert data(olga.get(MESSAGES)) == []
    assert data(olga.get(LETTERS)) == []
    assert refusal(olga.get(f"{MESSAGES}/{group}")) == (404, "MESSAGE_NOT_FOUND")
    for verb in ("redrive", "discard"):
        answer = olga.post(of(letter.message_id, verb), {"reason": "x"}, format="json")
        assert refusal(answer) == (404, "MESSAGE_NOT_FOUND")
    told = data(olga.post(REDRIVE_MANY, {"ids": [letter.message_id]}, format="json"))
    assert [(one["outcome"], one["code"]) for one in told["results"]] == [("refused", "MESSAGE_NOT_FOUND")]
    assert data(olga.post(REDRIVE_MANY, {"all": True}, format="json"))["results"] == []


# --- live messages


def test_a_live_message_tells_whose_it_is_and_where_it_stands(olga: APIClient, first: FulfillmentTask) -> None:
    (row,) = data(olga.get(MESSAGES))
    request = first.resource_request
    assert (row["source"], row["group_id"], row["deduplication_id"]) == ("ledger", str(request.pk), f"{first.pk}:1:1")
    assert (row["task_id"], row["task_state"], row["attempt"], row["sends"]) == (str(first.pk), "queued", 1, 1)
    assert (row["request_id"], row["request_state"], row["item_id"]) == (str(request.pk), "submitted", request.entry_id)
    assert (row["sent_at"], row["worker"]) == (None, "")
    sent()
    claimed(first)
    (row,) = data(olga.get(MESSAGES))
    assert (row["task_state"], row["request_state"], row["worker"]) == ("processing", "processing", "worker-1")
    assert row["sent_at"]
    assert row["lease_expires_at"]


def test_live_messages_are_filtered_by_the_state_of_their_task(olga: APIClient, first: FulfillmentTask) -> None:
    claimed(first)
    waits = first_of()
    completed(first_of())  # its second task waits
    found = {state: data(olga.get(MESSAGES, {"state": state})) for state in ("queued", "processing")}
    assert [row["task_id"] for row in found["processing"]] == [str(first.pk)]
    assert str(waits.pk) in {row["task_id"] for row in found["queued"]}
    assert (len(found["queued"]), len(data(olga.get(MESSAGES)))) == (2, 3)


def test_what_is_dead_or_done_is_not_live(olga: APIClient, first: FulfillmentTask) -> None:
    dead(first)
    abort(resource_request_id=first_of().resource_request_id, by=principal())
    assert data(olga.get(MESSAGES)) == []


# --- a group


def test_a_group_tells_of_all_its_messages_in_order(olga: APIClient, first: FulfillmentTask) -> None:
    sent()
    completed(first)
    rows = data(olga.get(f"{MESSAGES}/{first.resource_request_id}"))
    assert [(row["status"], row["attempt"], row["job"]) for row in rows] == [
        ("past", 1, "fulfillment.perform"),
        ("unsent", 1, "fulfillment.perform"),
    ]
    assert rows[0]["task_id"] == str(first.pk)
    assert rows[0]["correlation_id"] == "test-correlation"


def test_components_of_a_parallel_bundle_are_groups_of_their_own(olga: APIClient) -> None:
    request, letter = parallel_with(lambda _: None)
    (row,) = data(olga.get(f"{MESSAGES}/{request.pk}:app"))
    assert row["group_id"] == f"{request.pk}:app"
    all_of_request = {row["group_id"] for row in data(olga.get(f"{MESSAGES}/{request.pk}"))}
    assert all_of_request == {row.group_id for row in OutboxMessage.objects.all()} >= {f"{request.pk}:app"}
    assert [row["group_id"] for row in data(olga.get(LETTERS, {"group": str(request.pk)}))] == [f"{request.pk}:secrets"]
    assert letter.group_id == f"{request.pk}:secrets"


@pytest.mark.parametrize("group", ["nobody", NOBODY, "a%00b", "%0A", "x" * 300], ids=lambda name: name[:10])
def test_a_group_that_never_had_a_message_is_not_found(olga: APIClient, group: str) -> None:
    assert refusal(olga.get(f"{MESSAGES}/{group}")) == (404, "MESSAGE_NOT_FOUND")


# --- dead letters


def test_a_dead_letter_tells_why_it_died_and_what_to_do(olga: APIClient, first: FulfillmentTask) -> None:
    letter = died(first)
    DeadLetter.objects.update(explanation="Nobody took it.", next_step="Look, then redrive it.", receives=3)
    (row,) = data(olga.get(LETTERS))
    assert (row["source"], row["message_id"], row["status"], row["cause"]) == (
        "ledger",
        letter.message_id,
        "open",
        "NOT_TAKEN",
    )
    assert (row["explanation"], row["next_step"], row["receives"]) == ("Nobody took it.", "Look, then redrive it.", 3)
    assert (row["task_id"], row["task_state"], row["attempt"]) == (str(first.pk), "stuck", 1)
    assert (row["request_id"], row["request_state"]) == (str(first.resource_request_id), "failed")
    assert row["refusal"] is None
    assert "body" not in row


def test_a_letter_that_cannot_be_redriven_says_why(olga: APIClient, first: FulfillmentTask) -> None:
    dead(first)
    abort(resource_request_id=first.resource_request_id, by=principal())
    DeadLetter.objects.create(message_id="foreign", group_id="g", cause="FOREIGN")
    foreign, stale = data(olga.get(LETTERS))
    assert (foreign["refusal"]["code"], foreign["task_id"], foreign["attempt"]) == (
        "INVALID_STATE_TRANSITION",
        None,
        None,
    )
    assert stale["refusal"]["code"] == "STALE_MESSAGE"
    assert "aborted" in stale["refusal"]["message"]


FILTERS = [
    ({}, ["d", "c", "b", "a"]),
    ({"status": "open"}, ["c", "b", "a"]),
    ({"status": "discarded"}, ["d"]),
    ({"cause": "FOREIGN"}, ["c"]),
    ({"group": "g"}, ["d", "b", "a"]),
    ({"group": "g:x"}, ["b"]),
    ({"group": "g%"}, []),
    ({"group": "g", "status": "open", "cause": "NOT_TAKEN"}, ["b", "a"]),
]


@pytest.mark.parametrize(("filters", "expected"), FILTERS, ids=[json.dumps(filters) for filters, _ in FILTERS])
def test_dead_letters_are_filtered(olga: APIClient, filters: dict[str, str], expected: list[str]) -> None:
    rows = (("a", "g", "NOT_TAKEN"), ("b", "g:x", "NOT_TAKEN"), ("c", "g1", "FOREIGN"), ("d", "g", "NOT_TAKEN"))
    for name, group, cause in rows:
        DeadLetter.objects.create(message_id=name, group_id=group, cause=cause)
    DeadLetter.objects.filter(message_id="d").update(status="discarded", decided_by="otto", decided_at=now())
    assert [row["message_id"] for row in data(olga.get(LETTERS, filters))] == expected


# --- lists: pages, members, parameters, cost


def many(count: int) -> None:
    """Store that many live messages, all of a group of messages, and dead letters."""
    for number in range(count):
        first_of()
        OutboxMessage.objects.create(
            job="fulfillment.perform", args=[str(new_id()), 1], group_id="g", deduplication_id=f"d-{new_id()}"
        )
        letter = letter_of(first_of(), group_id="h")
        DeadLetter.objects.filter(pk=letter.pk).update(message_id=f"m-{number:03}-{letter.pk}")


LISTS = {"live": MESSAGES, "group": f"{MESSAGES}/g", "dead": LETTERS}
KEYS = {"live": "task_id", "group": "id", "dead": "message_id"}


@pytest.mark.parametrize("name", LISTS)
def test_a_list_goes_on_by_cursor_and_comes_back(olga: APIClient, name: str) -> None:
    serve_stack()
    many(3)
    path, key = LISTS[name], KEYS[name]
    whole = [row[key] for row in data(olga.get(path))]
    seen: list[str] = []
    page: dict[str, Any] = {}
    cursor = None
    while cursor is not None or not seen:
        answer = olga.get(path, {"limit": 2} | ({"cursor": cursor} if cursor else {}))
        seen += [row[key] for row in data(answer)]
        page = answer.json()["page"]
        cursor = page["next_cursor"]
        if cursor:
            link = answer.headers["Link"].partition(">")[0][1:]
            assert parse_qs(urlsplit(link).query)["cursor"] == [cursor]
    assert seen == whole
    before = data(olga.get(path, {"limit": 2, "cursor": page["prev_cursor"]}))
    start_of_last = (len(whole) - 1) // 2 * 2
    assert [row[key] for row in before] == whole[start_of_last - 2 : start_of_last]


@pytest.mark.parametrize("name", LISTS)
def test_a_cursor_of_another_list_filter_or_person_is_refused(olga: APIClient, api: Api, name: str) -> None:
    serve_stack()
    many(2)
    cursors = {one: olga.get(path, {"limit": 1}).json()["page"]["next_cursor"] for one, path in LISTS.items()}
    for other in set(LISTS) - {name}:
        assert refusal(olga.get(LISTS[name], {"cursor": cursors[other]})) == (400, "INVALID_CURSOR")
    filtered = {"live": {"state": "queued"}, "dead": {"status": "open"}, "group": {}}[name]
    if filtered:
        assert refusal(olga.get(LISTS[name], {"cursor": cursors[name], **filtered})) == (400, "INVALID_CURSOR")
    assert refusal(olga.get(LISTS[name], {"cursor": "x"})) == (400, "INVALID_CURSOR")


@pytest.mark.parametrize("name", LISTS)
def test_only_the_members_asked_for_are_given(olga: APIClient, name: str) -> None:
    serve_stack()
    many(1)
    answer = as_described(olga.get(LISTS[name], {"fields": f"source,{KEYS[name]}"}), sparse=True)
    assert {frozenset(row) for row in answer.json()["data"]} == {frozenset({"source", KEYS[name]})}


def test_members_of_members_can_be_asked_for(olga: APIClient, first: FulfillmentTask) -> None:
    DeadLetter.objects.create(message_id="foreign", group_id="g", cause="FOREIGN")
    answer = as_described(olga.get(LETTERS, {"fields": "refusal.code"}), sparse=True)
    assert answer.json()["data"] == [{"refusal": {"code": "INVALID_STATE_TRANSITION"}}]


WRONG = [
    ("live", {"fields": "task"}, "UNKNOWN_PARAMETER"),
    ("live", {"status": "open"}, "UNKNOWN_PARAMETER"),
    ("live", {"state": "stuck"}, "VALIDATION_ERROR"),
    ("live", {"limit": "201"}, "VALIDATION_ERROR"),
    ("group", {"state": "queued"}, "UNKNOWN_PARAMETER"),
    ("group", {"fields": "body"}, "UNKNOWN_PARAMETER"),
    ("dead", {"state": "queued"}, "UNKNOWN_PARAMETER"),
    ("dead", {"fields": "body"}, "UNKNOWN_PARAMETER"),
    ("dead", {"fields": "refusal.cause"}, "UNKNOWN_PARAMETER"),
    ("dead", {"status": "closed"}, "VALIDATION_ERROR"),
    ("dead", {"cause": "not_taken"}, "VALIDATION_ERROR"),
    ("dead", {"group": "a\0b"}, "VALIDATION_ERROR"),
]


@pytest.mark.parametrize(("name", "query", "code"), WRONG, ids=[f"{name} {query}" for name, query, _ in WRONG])
def test_what_a_list_does_not_know_is_refused(
    olga: APIClient, first: FulfillmentTask, name: str, query: dict[str, str], code: str
) -> None:
    assert refusal(olga.get(LISTS[name], query)) == (400, code)


# Beside three queries of the sign-in: the page; then messages of tasks; statuses; tasks of letters.
COSTS = [
    ("live", {}, 2),
    ("live", {"fields": "task_id,task_state"}, 1),
    ("group", {}, 3),
    ("group", {"fields": "id,sent_at"}, 1),
    ("dead", {}, 2),
    ("dead", {"fields": "message_id,cause,task_id"}, 1),
]


@pytest.mark.parametrize(("name", "query", "cost"), COSTS, ids=[f"{name} {query}" for name, query, _ in COSTS])
def test_a_list_of_many_costs_what_a_list_of_few_costs(
    olga: APIClient, name: str, query: dict[str, str], cost: int
) -> None:
    serve_stack()
    counts = []
    for more in (1, 11):
        many(more)
        with CaptureQueriesContext(connection) as captured:
            assert olga.get(LISTS[name], query).status_code == 200
        counts.append([one["sql"] for one in captured])
    assert [len(statements) for statements in counts] == [len(counts[0])] * 2
    asked = [sql for sql in counts[1] if "queueops_" in sql or "requests_" in sql]
    assert len(asked) == cost
    heavy = ("snapshot", "form_data", "sealed", '"body"', '"outputs"')
    assert not [sql for sql in asked if any(column in sql for column in heavy)]


# --- redrive


def test_a_redrive_answers_with_the_letter_and_where_to_follow(olga: APIClient, first: FulfillmentTask) -> None:
    letter = dead(first)
    answer = olga.post(of(letter.message_id, "redrive"), {"reason": "workers are back"}, format="json")
    row = data(answer, 202)
    assert (row["status"], row["decided_by"], row["decision_reason"]) == ("redriven", "operator", "workers are back")
    assert (row["task_state"], row["request_state"], row["redrives"]) == ("queued", "retrying", 1)
    assert answer.headers["Location"] == f"/api/v1/requests/{first.resource_request_id}"
    assert answer.headers["Retry-After"] == "2"
    assert AuditEvent.objects.get(event="queue.dead_letter_redriven").actor == "operator"
    (message,) = data(olga.get(MESSAGES))
    assert (message["deduplication_id"], message["sent_at"]) == (f"{first.pk}:1:2", None)


def test_a_redrive_that_would_do_nothing_is_refused_with_the_reason(olga: APIClient, first: FulfillmentTask) -> None:
    letter = dead(first)
    abort(resource_request_id=first.resource_request_id, by=principal())
    before = everything_stored()
    answer = olga.post(of(letter.message_id, "redrive"), {}, format="json")
    assert refusal(answer) == (409, "STALE_MESSAGE")
    error = answer.json()["error"]
    assert "aborted" in error["message"]
    assert error["allowed"] == ["discard"]
    assert everything_stored() == before


def test_a_letter_is_decided_on_once(olga: APIClient, first: FulfillmentTask) -> None:
    letter = dead(first)
    data(olga.post(of(letter.message_id, "redrive"), {}, format="json"), 202)
    for verb in ("redrive", "discard"):
        answer = olga.post(of(letter.message_id, verb), {"reason": "again"}, format="json")
        assert refusal(answer) == (409, "INVALID_STATE_TRANSITION")
        assert "redriven by operator already" in answer.json()["error"]["message"]


@pytest.mark.parametrize("verb", ["redrive", "discard"])
@pytest.mark.parametrize("message_id", ["forged", "a%00b", NOBODY], ids=["text", "nul", "uuid"])
def test_a_letter_that_is_not_there_is_not_found(olga: APIClient, verb: str, message_id: str) -> None:  # B71
    answer = olga.post(of(message_id, verb), {"reason": "x"}, format="json")
    assert refusal(answer) == (404, "MESSAGE_NOT_FOUND")


# --- discard


def test_a_discard_closes_the_letter_and_moves_nothing(olga: APIClient, first: FulfillmentTask) -> None:
    letter = dead(first)
    row = data(olga.post(of(letter.message_id, "discard"), {"reason": "made by hand"}, format="json"))
    assert (row["status"], row["decided_by"], row["decision_reason"]) == ("discarded", "operator", "made by hand")
    assert (row["task_state"], row["request_state"]) == ("stuck", "failed")
    assert data(olga.get(LETTERS, {"status": "open"})) == []


# --- bodies and keys


BAD = [
    ("redrive", {"cause": "NOT_TAKEN"}, "UNKNOWN_FIELD"),
    ("redrive", {"reason": 5}, "VALIDATION_ERROR"),
    ("redrive", {"reason": "x" * 501}, "VALIDATION_ERROR"),
    ("redrive", [], "MALFORMED_JSON"),
    ("discard", {}, "VALIDATION_ERROR"),
    ("discard", {"reason": ""}, "VALIDATION_ERROR"),
    ("many", {}, "VALIDATION_ERROR"),
    ("many", {"all": False}, "VALIDATION_ERROR"),
    ("many", {"all": "yes"}, "VALIDATION_ERROR"),
    ("many", {"all": True, "cause": "NOT_TAKEN"}, "VALIDATION_ERROR"),
    ("many", {"all": True, "ids": ["m-1"]}, "VALIDATION_ERROR"),
    ("many", {"ids": ["m-1"], "group": "g"}, "VALIDATION_ERROR"),
    ("many", {"ids": []}, "VALIDATION_ERROR"),
    ("many", {"ids": [7]}, "VALIDATION_ERROR"),
    ("many", {"ids": [""]}, "VALIDATION_ERROR"),
    ("many", {"ids": ["m-1"] * 101}, "VALIDATION_ERROR"),
    ("many", {"ids": ["m-1"], "after": NOBODY}, "VALIDATION_ERROR"),
    ("many", {"group": ""}, "VALIDATION_ERROR"),
    ("many", {"group": "a\0b"}, "MALFORMED_JSON"),
    ("many", {"cause": "BOREDOM"}, "VALIDATION_ERROR"),
    ("many", {"all": True, "after": "x"}, "VALIDATION_ERROR"),
    ("many", {"all": True, "status": "open"}, "UNKNOWN_FIELD"),
]


@pytest.mark.parametrize(("verb", "body", "code"), BAD, ids=[f"{verb} {str(body)[:40]}" for verb, body, _ in BAD])
def test_a_body_that_cannot_be_meant_changes_nothing(
    olga: APIClient, first: FulfillmentTask, verb: str, body: Any, code: str
) -> None:
    letter = dead(first)
    path = REDRIVE_MANY if verb == "many" else of(letter.message_id, verb)
    answer = olga.post(path, body, format="json", headers={"Idempotency-Key": "key-1"})
    assert refusal(answer) == (400, code)
    letter.refresh_from_db()
    assert letter.status == "open"


@pytest.mark.parametrize("verb", ["redrive", "discard", "many"])
def test_a_repeat_with_its_key_gets_the_first_answer(olga: APIClient, first: FulfillmentTask, verb: str) -> None:
    letter = dead(first)
    is_many = verb == "many"
    path = REDRIVE_MANY if is_many else of(letter.message_id, verb)
    body: dict[str, Any] = {"reason": "once"} | ({"ids": [letter.message_id]} if is_many else {})
    headers = {"Idempotency-Key": "key-1"}
    answers = [as_described(olga.post(path, body, format="json", headers=headers)) for _ in range(2)]
    assert answers[0].status_code == answers[1].status_code
    assert answers[0].json()["data"] == answers[1].json()["data"]
    assert answers[1].headers["Idempotent-Replayed"] == "true"
    assert OutboxMessage.objects.count() == (1 if verb == "discard" else 2)
    changed = olga.post(path, body | {"reason": "other"}, format="json", headers=headers)
    assert refusal(changed) == (422, "IDEMPOTENCY_KEY_REUSED")


# --- several at once


@pytest.fixture
def alive_and_gone() -> tuple[DeadLetter, DeadLetter]:
    """Two letters: one that can be redriven, one whose request was aborted meanwhile."""
    serve_stack()
    alive, gone = dead(first_of()), dead(first_of())
    DeadLetter.objects.filter(pk=gone.pk).update(cause="WORKER_LOST")
    abort(resource_request_id=ResourceRequest.objects.latest("id").pk, by=principal())
    return alive, gone


@pytest.mark.parametrize("choice", ["ids", "all"])
def test_each_of_several_is_redriven_for_itself(
    olga: APIClient, alive_and_gone: tuple[DeadLetter, DeadLetter], choice: str
) -> None:
    alive, gone = (letter.message_id for letter in alive_and_gone)
    body: dict[str, Any] = {"ids": [gone, "forged", alive, gone]} if choice == "ids" else {"all": True}
    told = data(olga.post(REDRIVE_MANY, body | {"reason": "mended"}, format="json"))
    results = {one["message_id"]: (one["outcome"], one["code"]) for one in told["results"]}
    assert results[alive] == ("redriven", "")
    assert results[gone] == ("refused", "STALE_MESSAGE")
    if choice == "ids":
        assert [one["message_id"] for one in told["results"]] == [gone, "forged", alive]  # as they were asked for
        assert results["forged"] == ("refused", "MESSAGE_NOT_FOUND")
    assert (told["redriven"], told["would_be_redriven"], told["refused"], told["after"]) == (
        1,
        0,
        2 if choice == "ids" else 1,
        None,
    )
    assert all(one["message"] for one in told["results"] if one["outcome"] == "refused")
    assert DeadLetter.objects.get(message_id=alive).decision_reason == "mended"


@pytest.mark.parametrize("by", ["group", "cause", "both"])
def test_letters_are_chosen_by_group_and_cause(
    olga: APIClient, alive_and_gone: tuple[DeadLetter, DeadLetter], by: str
) -> None:
    alive, _ = alive_and_gone
    choice = {"group": alive.group_id, "cause": "NOT_TAKEN"}
    body = choice if by == "both" else {by: choice[by]}
    told = data(olga.post(REDRIVE_MANY, body, format="json"))
    assert [(one["message_id"], one["outcome"]) for one in told["results"]] == [(alive.message_id, "redriven")]


def test_a_dry_run_tells_the_same_and_does_nothing(
    olga: APIClient, alive_and_gone: tuple[DeadLetter, DeadLetter]
) -> None:
    alive, gone = (letter.message_id for letter in alive_and_gone)
    before = everything_stored()
    told = data(olga.post(REDRIVE_MANY, {"all": True, "dry_run": True}, format="json"))
    assert [(one["message_id"], one["outcome"], one["code"]) for one in told["results"]] == [
        (alive, "would_be_redriven", ""),
        (gone, "refused", "STALE_MESSAGE"),
    ]
    assert (told["redriven"], told["would_be_redriven"], told["refused"]) == (0, 1, 1)
    assert everything_stored() == before


def test_more_than_one_call_takes_are_reached_by_going_on(olga: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("requests_app.api.queue.MOST_AT_ONCE", 2)
    serve_stack()
    letters = [dead(first_of()).message_id for _ in range(5)]
    refused = DeadLetter.objects.create(message_id="foreign", group_id="0", cause="FOREIGN", id=f"{1:032x}")
    seen: list[str] = []
    body: dict[str, Any] = {"all": True}
    while body:
        told = data(olga.post(REDRIVE_MANY, body, format="json"))
        seen += [one["message_id"] for one in told["results"]]
        body = {"all": True, "after": told["after"]} if told["after"] else {}
    assert seen == [refused.message_id, *letters]
    assert DeadLetter.objects.filter(status="redriven").count() == 5


def test_the_limit_of_one_call_is_told_in_the_description() -> None:
    field: Any = queue_shapes.RedriveManyBody().fields["ids"]
    assert field.max_length == MOST_AT_ONCE
    assert queue.SOURCE == "ledger"
