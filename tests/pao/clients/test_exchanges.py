"""What is told of every call: where, how it was answered, how long it took; no body, no query, no secret."""

from collections.abc import Iterator

import pytest

from pao.clients import exchanges
from pao.clients.exchanges import Exchanged, listening
from pao.clients.http import HttpDoor
from pao.clients.wire import Limits
from pao.core.errors import CallRefused, ConnectFailed, OutcomeUnknown
from tests.pao.clients.server import FaultServer, answer, reset
from tests.pao.clients.test_http import EVERYTHING


@pytest.fixture
def door() -> Iterator[HttpDoor]:
    made = HttpDoor(Limits(connect_seconds=5, read_seconds=5, max_bytes=2000), user_agent="PAO")
    yield made
    made.close()


def _said(method: str, place: str, **rest: object) -> Exchanged:
    return Exchanged(method=method, place=place, **{"elapsed_ms": 0, "trouble": "", **rest})  # type: ignore[arg-type]


def _untimed(heard: list[Exchanged]) -> list[Exchanged]:
    return [
        _said(one.method, one.place, status=one.status, sent_bytes=one.sent_bytes, received_bytes=one.received_bytes)
        for one in heard
    ]


def test_an_answer_is_told_without_the_query_and_without_bodies(door: HttpDoor) -> None:
    with FaultServer([answer(201, b'{"key": "value"}')]) as server, listening() as heard:
        door.call("POST", f"{server.url}/a", policy=EVERYTHING, params={"name": "secret"}, body=b"12345")
    assert _untimed(heard) == [_said("POST", f"{server.url}/a", status=201, sent_bytes=5, received_bytes=16)]
    assert heard[0].words().startswith(f"POST {server.url}/a was answered with 201 after ")


def test_a_refusal_is_told_before_it_is_raised(door: HttpDoor) -> None:
    with FaultServer([answer(403, b"no")]) as server, listening() as heard, pytest.raises(CallRefused):
        door.call("GET", f"{server.url}/a", policy=EVERYTHING)
    assert [one.status for one in heard] == [403]


def test_a_call_without_an_answer_says_why(door: HttpDoor) -> None:
    with FaultServer([reset]) as server, listening() as heard:
        with pytest.raises(OutcomeUnknown):
            door.call("POST", f"{server.url}/a", policy=EVERYTHING, body=b"1")
        with pytest.raises(ConnectFailed):
            door.call("GET", "http://127.0.0.1:9/b", policy=EVERYTHING)
    assert [(one.status, bool(one.trouble)) for one in heard] == [(0, True), (0, True)]
    assert "got no answer (" in heard[0].words()


def test_a_secret_of_the_address_is_masked(door: HttpDoor) -> None:
    with FaultServer([answer(200, b"")]) as server, listening() as heard:
        door.call(
            "GET", f"{server.url}/tok-en-123456/a", policy=EVERYTHING, headers={"Authorization": "Bearer tok-en-123456"}
        )
    assert "tok-en-123456" not in str(heard)


def test_nobody_need_listen_and_listeners_do_not_hear_each_other(door: HttpDoor) -> None:
    with FaultServer([answer(200, b"")]) as server:
        door.call("GET", f"{server.url}/1", policy=EVERYTHING)
        with listening() as outer:
            door.call("GET", f"{server.url}/2", policy=EVERYTHING)
            with listening() as inner:
                door.call("GET", f"{server.url}/3", policy=EVERYTHING)
    assert ([one.place[-2:] for one in outer], [one.place[-2:] for one in inner]) == (["/2"], ["/3"])


def test_no_more_is_kept_than_anybody_reads() -> None:
    with listening() as heard:
        for number in range(exchanges.MOST_KEPT + 5):
            exchanges.tell(_said("GET", f"/{number}", status=200, sent_bytes=0, received_bytes=0))
    assert len(heard) == exchanges.MOST_KEPT
