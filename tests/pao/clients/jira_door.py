"""A door through which every call to JIRA, and every answer, is judged by the strict contract."""

from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

from pao.clients.answers import Answer
from pao.clients.http import HttpDoor, json_bytes
from pao.clients.wire import Limits
from tests.contract.strict import StrictContract


class JudgedDoor(HttpDoor):
    """Fails the test when PAO sends what JIRA's contract forbids. `calls` lists method and path."""

    def __init__(self, version: Literal["3", "2"], *, prefix: str = "") -> None:
        super().__init__(Limits(connect_seconds=5, read_seconds=5))
        self.contract = StrictContract(version)
        self._prefix = prefix
        self.calls: list[str] = []
        self.bodies: list[Any] = []

    def call(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        **rest: Any,
    ) -> Answer:
        """Make the call when the contract allows it."""
        path = urlsplit(url).path.removeprefix(self._prefix)
        self.calls.append(f"{method} {path}")
        self.bodies.append(json)
        body = None if json is None else json_bytes(json)
        assert self.contract.check_request(method, path, params or {}, headers or {}, body) == []
        answer = super().call(method, url, headers=headers, params=params, json=json, **rest)
        if answer.complete:
            assert self.contract.check_response(method, path, answer.status, answer.headers, answer.body) == []
        return answer
