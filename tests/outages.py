"""The database behind a proxy that breaks what passes, for tests of what is stored when it goes away."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

from devtools.fault_proxy import FaultProxy


@contextmanager
def proxied_database() -> Iterator[FaultProxy]:
    """Lead every new connection through the proxy that is given; only for tests with real transactions."""
    address = connection.settings_dict
    direct = {"HOST": address["HOST"], "PORT": address["PORT"]}
    with FaultProxy(str(direct["HOST"]), int(direct["PORT"])) as proxy:
        connection.close()
        address |= {"HOST": proxy.address[0], "PORT": str(proxy.port)}
        try:
            yield proxy
        finally:
            address |= direct
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
