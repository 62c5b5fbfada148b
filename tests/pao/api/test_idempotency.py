"""One key, one effect, one answer: F01, F02, F06 to F09 and the idempotency contract."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.db import connection, connections
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from rest_framework.response import Response

from pao.api.idempotency import canonical, guard, purge_expired
from pao.api.models import IdempotencyKey
from pao.core.clock import now
from pao.core.context import Principal
from pao.core.errors import (
    IdempotencyInProgress,
    IdempotencyKeyRequired,
    IdempotencyKeyReused,
    ItemUnavailable,
    PaoError,
)
from tests.pao.api.urls import NoteView

ALICE = Principal(id="alice")
BODY = {"item": "database", "count": 1}

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("tests.pao.api.urls")]


def take_note(
    key: str | None = "key-1", *, by: Principal = ALICE, body: Any = BODY, endpoint: str = "POST /notes", **how: Any
) -> Response:
    """Do one guarded call, whose effect is a user with a fresh name."""
    with guard(by, key, endpoint=endpoint, body=body, **how) as call:
        if call.replay is not None:
            return call.replay
        user = User.objects.create(username=f"effect-{User.objects.count() + 1}")
        return call.answer({"made": user.username}, status=202, headers={"Location": "/notes/1"})


def effects() -> int:
    """Count the effects."""
    return User.objects.count()


def test_a_repeat_gives_the_first_answer_again_and_has_no_effect() -> None:
    first, second = take_note(), take_note()
    assert effects() == 1
    assert (second.status_code, second.data) == (first.status_code, first.data)
    assert second.headers["Location"] == "/notes/1"
    assert second.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers


def test_the_same_body_may_be_spelt_differently() -> None:
    take_note(body={"a": 1, "b": [1, {"x": "ü", "y": None}]})
    assert take_note(body={"b": [1, {"y": None, "x": "ü"}], "a": 1}).headers["Idempotent-Replayed"]


@pytest.mark.parametrize(
    "other", [{}, {**BODY, "count": 2}, {**BODY, "count": "1"}, {**BODY, "count": True}, {**BODY, "more": None}]
)
def test_another_body_under_the_same_key_is_refused(other: dict[str, Any]) -> None:  # F07
    take_note()
    with pytest.raises(IdempotencyKeyReused):
        take_note(body=other)
    assert effects() == 1


@pytest.mark.parametrize(
    "other",
    [
        {"by": Principal(id="bob")},  # F08
        {"by": Principal(id="alice", tenant="other")},
        {"endpoint": "POST /other"},
        {"key": "key-2"},
        {"key": "KEY-1"},
    ],
)
def test_keys_of_others_are_other_keys(other: dict[str, Any]) -> None:
    take_note()
    take_note(**other)
    assert effects() == 2


@pytest.mark.parametrize("key", ["", " ", "a b", "a\tb", "ü", "x" * 256, "a\n", "\x7f"])
def test_keys_are_1_to_255_visible_ascii_characters(key: str) -> None:
    with pytest.raises(IdempotencyKeyRequired):
        take_note(key)
    assert effects() == 0


@pytest.mark.parametrize("key", ["!", "~" * 255, "0e8b5a0e-8a0c-4a34-9d0d-1d0b0c5f8a11"])
def test_good_keys(key: str) -> None:
    assert take_note(key).status_code == 202


def test_without_a_key_every_call_has_its_effect_unless_one_is_required() -> None:
    take_note(None)
    take_note(None)
    assert effects() == 2
    assert not IdempotencyKey.objects.exists()
    with pytest.raises(IdempotencyKeyRequired):
        take_note(None, required=True)


@pytest.mark.parametrize("error", [ItemUnavailable(), ZeroDivisionError(), KeyboardInterrupt()], ids=repr)
def test_a_failed_call_stores_nothing_and_may_be_repeated(error: BaseException) -> None:  # F01
    def fail() -> None:
        with guard(ALICE, "key-1", endpoint="POST /notes", body=BODY):
            User.objects.create(username="half")
            raise error

    with pytest.raises(type(error)):
        fail()
    assert effects() == 0
    assert not IdempotencyKey.objects.exists()
    assert take_note(body={"corrected": True}).status_code == 202


def test_an_error_is_raised_never_answered() -> None:
    with pytest.raises(ValueError, match="Raise the error"), guard(ALICE, "k", endpoint="POST /n", body={}) as call:
        call.answer({}, status=409)
    with pytest.raises(RuntimeError, match="ended without"), guard(ALICE, "k", endpoint="POST /n", body={}):
        User.objects.create(username="lost")
    assert effects() == 0


def test_the_body_cannot_be_read_from_the_store() -> None:  # B60
    take_note(body={"password": "hunter2-canary"})
    row = IdempotencyKey.objects.get()
    assert "canary" not in json.dumps([row.fingerprint, row.body, row.headers, row.endpoint])
    with override_settings(SECRET_KEY="another" * 10):
        take_note("key-2", body={"password": "hunter2-canary"})
    assert len(set(IdempotencyKey.objects.values_list("fingerprint", flat=True))) == 2, "it is keyed by SECRET_KEY"


def test_a_repeat_is_known_across_a_change_of_the_secret_key() -> None:
    with override_settings(SECRET_KEY="old" * 20):
        take_note()
    with override_settings(SECRET_KEY="new" * 20, SECRET_KEY_FALLBACKS=["old" * 20]):
        assert take_note().headers["Idempotent-Replayed"]


def test_a_key_runs_out() -> None:  # F09
    with time_machine.travel(now(), tick=False) as clock:
        take_note()
        clock.shift(timedelta(hours=23))
        assert take_note().headers["Idempotent-Replayed"]
        assert purge_expired() == 0
        clock.shift(timedelta(hours=2))
        assert take_note(body={"other": 1}).status_code == 202
        assert effects() == 2
        assert IdempotencyKey.objects.count() == 1
        clock.shift(timedelta(hours=25))
        assert purge_expired() == 1


def test_a_call_may_keep_its_key_longer() -> None:
    with time_machine.travel(now(), tick=False) as clock:
        take_note(life=timedelta(days=400))
        clock.shift(timedelta(days=399))
        assert take_note().headers["Idempotent-Replayed"]


def test_the_guard_costs_two_statements() -> None:
    with CaptureQueriesContext(connection) as log:
        take_note()
    own = [query["sql"].split()[0] for query in log.captured_queries if "api_idempotencykey" in query["sql"]]
    assert own == ["INSERT", "UPDATE"]


def test_a_repeat_during_the_call_is_told_so_and_not_made_to_wait() -> None:
    inside, finish = threading.Event(), threading.Event()

    def first() -> None:
        with guard(ALICE, "key-1", endpoint="POST /notes", body=BODY) as call:
            User.objects.create(username="first")
            inside.set()
            finish.wait(20)
            call.answer({})
        connections.close_all()

    thread = threading.Thread(target=first)
    thread.start()
    try:
        assert inside.wait(20)
        with pytest.raises(IdempotencyInProgress):
            take_note()
        with pytest.raises(IdempotencyInProgress):
            take_note(body={"other": 1})
        assert take_note("key-2").status_code == 202
    finally:
        finish.set()
        thread.join()
    assert take_note().headers["Idempotent-Replayed"]


@pytest.mark.parametrize("expired", [False, True], ids=["fresh key", "key that ran out"])
def test_fifty_at_once_have_one_effect(expired: bool) -> None:  # noqa: FBT001 - a row of the table  # F06
    if expired:
        take_note(life=timedelta(seconds=-1))
    before, start, results = effects(), threading.Barrier(50), []

    def call() -> None:
        start.wait()
        try:
            answered = take_note()
            results.append("replay" if "Idempotent-Replayed" in answered.headers else "first")
        except PaoError as error:
            results.append(error.code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=call) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts = Counter(results)
    assert effects() - before == 1
    assert counts["first"] == 1
    assert counts["first"] + counts["replay"] + counts["IDEMPOTENCY_IN_PROGRESS"] == 50, counts
    assert take_note().headers["Idempotent-Replayed"]


def test_canonical_is_one_spelling() -> None:
    assert canonical({"b": 1, "a": {"d": "ü", "c": [1.5]}}) == '{"a":{"c":[1.5],"d":"ü"},"b":1}'.encode()


@pytest.fixture
def signed_in() -> Iterator[Client]:
    """A browser in which Alice has signed in."""
    NoteView.effects.clear()
    client = Client()
    client.force_login(User.objects.create(username="alice"))
    yield client
    NoteView.effects.clear()


def post(client: Client, key: str | None, body: Any) -> Any:
    """Post a note."""
    headers = {} if key is None else {"Idempotency-Key": key}
    return client.post("/api/v1/notes", json.dumps(body), content_type="application/json", headers=headers)


def test_a_replay_over_http_is_the_same_bytes(signed_in: Client) -> None:
    first, second = post(signed_in, "k", {"text": "a"}), post(signed_in, "k", {"text": "a"})
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.content == second.content
    assert first.headers["Location"] == second.headers["Location"]
    assert second.headers["Idempotent-Replayed"] == "true"
    assert len(NoteView.effects) == 1


@pytest.mark.parametrize(
    ("key", "body", "status", "code"),
    [
        (None, {"text": "a"}, 400, "IDEMPOTENCY_KEY_REQUIRED"),
        ("a b", {"text": "a"}, 400, "IDEMPOTENCY_KEY_REQUIRED"),
        ("used", {"text": "b"}, 422, "IDEMPOTENCY_KEY_REUSED"),
        ("fresh", {"text": "x" * 21}, 400, "VALIDATION_ERROR"),
        ("fresh", {"txt": "a"}, 400, "UNKNOWN_FIELD"),
    ],
)
def test_refusals_over_http(signed_in: Client, key: str | None, body: Any, status: int, code: str) -> None:
    assert post(signed_in, "used", {"text": "a"}).status_code == 202
    response = post(signed_in, key, body)
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)
    assert len(NoteView.effects) == 1
    assert IdempotencyKey.objects.count() == 1


def test_a_corrected_body_may_take_the_key_of_a_failed_validation(signed_in: Client) -> None:
    assert post(signed_in, "k", {"text": "x" * 21}).status_code == 400
    assert post(signed_in, "k", {"text": "x"}).status_code == 202
