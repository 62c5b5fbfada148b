"""A small client of the sandbox; calls to JIRA are judged by the strict contract on the way."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import requests

from devtools.sandbox import Sandbox
from tests.contract.strict import Query, StrictContract

Version = Literal["3", "2"]
TIMEOUT = 10
MARKER = "pao-task-019aaf3c-0000-7000-8000-000000000001"


@dataclass(frozen=True)
class Reply:
    """A status, the JSON of the body (None without a body) and the headers."""

    status: int
    json: Any
    headers: Mapping[str, str]
    text: str = ""


@dataclass
class Client:
    """Calls one sandbox; with a contract, every answer of JIRA must keep it, and every request that is meant well."""

    sandbox: Sandbox
    session: requests.Session
    version: Version = "3"
    contract: StrictContract | None = None

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Query | None = None,
        headers: Mapping[str, str] | None = None,
        meant_well: bool = True,
    ) -> Reply:
        """Send one call with credentials and return the reply."""
        auth = requests.auth.HTTPBasicAuth("pao", "token")
        prepared = self.session.prepare_request(
            requests.Request(
                method, self.sandbox.base_url + path, params=query, json=body, headers=dict(headers or {}), auth=auth
            )
        )
        if self.contract and meant_well:
            sent = {name: str(value) for name, value in prepared.headers.items()}
            raw = prepared.body if isinstance(prepared.body, bytes | str) else None
            problems = self.contract.check_request(method, path, query or {}, sent, raw)
            assert problems == [], problems
        answer = self.session.send(prepared, timeout=TIMEOUT, allow_redirects=False)
        if self.contract:
            problems = self.contract.check_response(method, path, answer.status_code, answer.headers, answer.content)
            assert problems == [], problems
        is_json = answer.content and answer.headers.get("Content-Type", "").startswith("application/json")
        return Reply(answer.status_code, answer.json() if is_json else None, answer.headers, answer.text)

    def jira(self, method: str, path: str, body: Any = None, **options: Any) -> Reply:
        """Call JIRA below /rest/api/<version>/."""
        return self.call(method, f"/rest/api/{self.version}/{path}", body, **options)

    def rich(self, text: str) -> Any:
        """Return a text as this version takes descriptions."""
        if self.version == "2":
            return text
        return {
            "type": "doc",
            "version": 1,
            "content": [{"type": "paragraph", "content": [{"type": "text", "text": text}]}],
        }

    def fields(self, **changes: Any) -> dict[str, Any]:
        """Return the fields of a good ticket, with changes; None takes a field out."""
        good = {
            "project": {"key": "DBA"},
            "issuetype": {"name": "Task"},
            "summary": "Provision orders-db",
            "description": self.rich("Please."),
            "priority": {"name": "High"},
            "labels": ["pao", MARKER],
        }
        return {name: value for name, value in (good | changes).items() if value is not None}

    def create(self, **changes: Any) -> str:
        """Create a ticket and return its key."""
        reply = self.jira("POST", "issue", {"fields": self.fields(**changes)})
        assert reply.status == 201
        return str(reply.json["key"])


@contextmanager
def client(version: Version = "3", *, strict: bool = True, data: Path | None = None) -> Iterator[Client]:
    """Start a sandbox and yield a client of it; both are closed at the end."""
    with Sandbox(data=data) as sandbox, requests.Session() as session:
        session.trust_env = False
        yield Client(sandbox, session, version, StrictContract(version) if strict else None)
