"""The Acme platform: databases are made once per idempotency key, and passwords are shown once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.devtools.sandbox_client import TIMEOUT, Client, client

DATABASES = "/platform/databases"
WANTED = {"instanceName": "orders-db", "size": "db.t3.small"}


@pytest.fixture
def acme() -> Iterator[Client]:
    with client(strict=False) as plain:
        yield plain


def test_a_database_is_made_with_connection_and_password_and_reads_back_without_the_password(acme: Client) -> None:
    made = acme.call("POST", DATABASES, WANTED)
    assert made.status == 201
    assert made.json["connection"]["port"] == 5432
    assert made.json["connection"]["url"].startswith("postgresql://orders-db.")
    assert made.json["password"]
    assert made.headers["Location"].endswith(f"{DATABASES}/{made.json['id']}")
    read = acme.call("GET", f"{DATABASES}/{made.json['id']}")
    assert read.json == {name: value for name, value in made.json.items() if name != "password"} | {"settings": WANTED}


def test_the_engine_decides_the_port(acme: Client) -> None:
    made = acme.call("POST", DATABASES, WANTED | {"engine": "aurora-mysql"})
    assert (made.json["connection"]["port"], made.json["connection"]["url"][:8]) == (3306, "mysql://")


def test_the_same_key_gets_the_same_answer_and_no_second_database(tmp_path: Path) -> None:
    file = tmp_path / "sandbox.sqlite3"
    with client(strict=False, data=file) as acme:
        first = acme.call("POST", DATABASES, WANTED, headers={"Idempotency-Key": "k-1"})
    with client(strict=False, data=file) as acme:
        again = acme.call("POST", DATABASES, WANTED, headers={"Idempotency-Key": "k-1"})
        other = acme.call("POST", DATABASES, WANTED, headers={"Idempotency-Key": "k-2"})
        assert (again.status, again.json, again.headers["Idempotency-Replayed"]) == (201, first.json, "true")
        assert other.json["id"] != first.json["id"]
        assert len(acme.sandbox.store.ledger(effect="rest-call", idempotency_key="k-1")) == 1
        assert len(acme.sandbox.store.databases()) == 2


def test_the_same_key_with_another_body_is_refused(acme: Client) -> None:
    acme.call("POST", DATABASES, WANTED, headers={"Idempotency-Key": "k-1"})
    reply = acme.call("POST", DATABASES, {"instanceName": "other-db"}, headers={"Idempotency-Key": "k-1"})
    assert (reply.status, reply.json["error"]["code"]) == (422, "idempotency_key_reused")
    assert len(acme.sandbox.store.databases()) == 1


def test_many_calls_at_once_with_one_key_make_one_database(acme: Client) -> None:
    url = acme.sandbox.base_url + DATABASES

    def call(_: int) -> str:
        answer = requests.post(url, json=WANTED, headers={"Idempotency-Key": "k-1"}, timeout=TIMEOUT)
        return str(answer.json()["id"])

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(call, range(40)))) == 1
    assert len(acme.sandbox.store.ledger(effect="rest-call")) == 1


def test_the_ledger_has_the_key_the_correlation_id_and_the_body_but_no_password(acme: Client) -> None:
    headers = {"Idempotency-Key": "k-1", "X-Correlation-Id": "c-1"}
    made = acme.call("POST", DATABASES, WANTED, headers=headers).json
    (line,) = acme.sandbox.store.ledger(correlation_id="c-1")
    assert (line["effect"], line["target"], line["idempotency_key"]) == ("rest-call", made["id"], "k-1")
    assert line["body"] == WANTED
    assert made["password"] not in str(line)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ([], "invalid_body"),
        (None, "invalid_body"),
        ({}, "invalid_instance_name"),
        ({"instanceName": 5}, "invalid_instance_name"),
        ({"instanceName": "Orders DB"}, "invalid_instance_name"),
        ({"instanceName": "x" * 64}, "invalid_instance_name"),
        ({"instanceName": "orders-db", "engine": 5}, "invalid_engine"),
    ],
)
def test_a_wrong_body_is_refused(acme: Client, body: Any, code: str) -> None:
    reply = acme.call("POST", DATABASES, body)
    assert (reply.status, reply.json["error"]["code"]) == (400, code)
    assert acme.sandbox.store.ledger() == []


@pytest.mark.parametrize("key", ["", "x" * 256], ids=["empty", "long"])
def test_a_wrong_idempotency_key_is_refused(acme: Client, key: str) -> None:
    assert acme.call("POST", DATABASES, WANTED, headers={"Idempotency-Key": key}).status == 400


def test_an_unknown_database_is_not_found(acme: Client) -> None:
    assert acme.call("GET", f"{DATABASES}/db-1").json["error"]["code"] == "not_found"


JOBS = "/platform/jobs"


@pytest.mark.parametrize(
    ("asked", "state", "more"),
    [
        ({"seconds": 3600}, "running", set[str]()),
        ({"seconds": 0}, "done", {"database"}),
        ({"seconds": 0, "outcome": "failed"}, "failed", {"reason"}),
        ({}, "running", set[str]()),
    ],
)
def test_a_job_is_begun_and_asked_for(acme: Client, asked: dict[str, Any], state: str, more: set[str]) -> None:
    begun = acme.call("POST", JOBS, WANTED | asked, headers={"Idempotency-Key": "k-1"})
    assert (begun.status, begun.json["state"]) == (202, "running")
    assert (
        begun.headers["Location"]
        == begun.json["links"]["status"]
        == f"{acme.sandbox.base_url}{JOBS}/{begun.json['id']}"
    )
    told = acme.call("GET", f"{JOBS}/{begun.json['id']}")
    assert (told.status, told.json["state"], told.json.keys() - {"id", "state"}) == (200, state, more)


def test_the_same_key_begins_no_second_job(acme: Client) -> None:
    first, again = (acme.call("POST", JOBS, WANTED, headers={"Idempotency-Key": "k-1"}) for _ in range(2))
    assert (again.json, again.headers["Idempotency-Replayed"]) == (first.json, "true")
    assert len(acme.sandbox.store.ledger(effect="rest-call", idempotency_key="k-1")) == 1
    other = acme.call("POST", JOBS, WANTED | {"seconds": 1}, headers={"Idempotency-Key": "k-1"})
    assert (other.status, other.json["error"]["code"]) == (422, "idempotency_key_reused")


@pytest.mark.parametrize("wrong", [{"seconds": "soon"}, {"outcome": "maybe"}, {"instanceName": "X"}])
def test_a_job_that_makes_no_sense_is_refused(acme: Client, wrong: dict[str, Any]) -> None:
    assert acme.call("POST", JOBS, WANTED | wrong).status == 400


def test_an_unknown_job_is_not_found(acme: Client) -> None:
    assert acme.call("GET", f"{JOBS}/db-0").status == 404
