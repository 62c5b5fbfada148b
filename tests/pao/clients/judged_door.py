"""A door through which every call to a service, and every answer, is judged by its contract."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from pao.clients.answers import Answer
from pao.clients.http import HttpDoor, json_bytes
from pao.clients.wire import Limits
from tests.contract.openapi import OpenApiContract


class ContractDoor(HttpDoor):
    """Fails the test when PAO sends what a contract forbids. `calls` lists method and path, `bodies` what was sent."""

    def __init__(self, contract: OpenApiContract) -> None:
        super().__init__(Limits(connect_seconds=5, read_seconds=5))
        self.contract = contract
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
        path = urlsplit(url).path
        self.calls.append(f"{method} {path}")
        self.bodies.append(json)
        body = None if json is None else json_bytes(json)
        problems = self.contract.check_request(method, path, params or {}, headers or {}, body)
        assert not problems, problems
        answer = super().call(method, url, headers=headers, params=params, json=json, **rest)
        if answer.complete:
            problems = self.contract.check_response(method, path, answer.status, answer.headers, answer.body)
            assert not problems, problems
        return answer
