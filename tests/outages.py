"""The database behind a proxy that breaks what passes, for tests of what is stored when it goes away."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

from devtools.fault_proxy import FaultProxy


@contextmanager
def proxied_database() -> Iterator[FaultProxy]:
    """Lead every new connection through the proxy that is given; only for tests with real transactions."""
    settings = connection.settings_dict
    direct = {"HOST": settings["HOST"], "PORT": settings["PORT"]}
    with FaultProxy(str(direct["HOST"]), int(direct["PORT"])) as proxy:
        connection.close()
        settings |= {"HOST": proxy.address[0], "PORT": str(proxy.port)}
        try:
            yield proxy
        finally:
            settings |= direct
            connection.close()


def lose_answer_of_commit(proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch, *, number: int = 1) -> list[int]:
    """Let the `number`-th COMMIT from now on be executed and its answer be lost; give the list of commits so far."""
    commit = BaseDatabaseWrapper._commit  # type: ignore[attr-defined] # not published, and where every COMMIT passes
    commits: list[int] = []

    def lose(wrapper: BaseDatabaseWrapper) -> None:
        commits.append(len(commits) + 1)
        if commits[-1] == number:
            proxy.inject("swallow")
        try:
            commit(wrapper)
        finally:
            proxy.inject("pass")

    monkeypatch.setattr(BaseDatabaseWrapper, "_commit", lose)
    return commits


@contextmanager
def read_only_database() -> Iterator[None]:
    """Let every new connection meet a database that takes no writes, as a primary does that is none any more."""
    options = connection.settings_dict["OPTIONS"]
    before = options.get("options", "")
    connection.close()
    options["options"] = f"{before} -c default_transaction_read_only=on"
    try:
        yield
    finally:
        options["options"] = before
        connection.close()


def address() -> dict[str, Any]:
    """Return where the database of the tests is, for a connection beside Django's."""
    parameters = connection.get_connection_params()
    return {name: parameters[name] for name in ("dbname", "user", "password", "host", "port") if name in parameters}


def end_all_connections() -> int:
    """Let the server end every other connection to the database of the tests, as its restart does; return how many."""
    with psycopg.connect(**address()) as other:
        ended = other.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchall()
    return len(ended)
