"""A small client of the sandbox's GitHub; every call is judged by the strict contract on the way."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from devtools.sandbox import Sandbox
from tests.contract.github_contract import GitHubContract

NAME = "acme/infrastructure"
FILES = {"README.md": "# Infrastructure\n", "databases/old.yaml": "size: 1\n"}
TASK = "019aaf3c-0000-7000-8000-000000000001"
MESSAGE = f"Add a database\n\nPAO-Task: {TASK}\nPAO-Request: 1\n"


@dataclass(frozen=True)
class Reply:
    """A status and the JSON of the body (None without a body)."""

    status: int
    json: Any

    @property
    def message(self) -> str:
        """What GitHub says first of all."""
        return str(self.json["message"])


class GitHubClient:
    """Calls one sandbox as GitHub; `meant_well` requests must keep the contract, and every answer must."""

    def __init__(self, sandbox: Sandbox, session: requests.Session) -> None:
        self.sandbox, self._session, self._contract = sandbox, session, GitHubContract()

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: dict[str, str] | None = None,
        token: str = "Bearer t",  # noqa: S107 - of a pretend server
        meant_well: bool = True,
    ) -> Reply:
        """Send one call to a path below the repository, or to one that begins with /app."""
        full = path if path.startswith("/app") else f"/repos/{NAME}{path}"
        headers = {"Authorization": token} if token else {}
        prepared = self._session.prepare_request(
            requests.Request(method, self.sandbox.base_url + full, params=query, json=body, headers=headers)
        )
        raw = prepared.body if isinstance(prepared.body, bytes | str) else None
        if meant_well:
            assert not (
                found := self._contract.check_request(method, full, query or {}, dict(prepared.headers), raw)
            ), found
        answer = self._session.send(prepared, timeout=10, allow_redirects=False)
        problems = self._contract.check_response(method, full, answer.status_code, answer.headers, answer.content)
        assert problems == [], problems
        return Reply(answer.status_code, answer.json() if answer.content else None)

    def head(self, branch: str = "main") -> str:
        """Return the commit that a branch points at."""
        reply = self.call("GET", f"/git/ref/heads/{branch}")
        assert reply.status == 200
        return str(reply.json["object"]["sha"])

    def commit(self, files: dict[str, str | None], parent: str, message: str = MESSAGE) -> str:
        """Make a commit on a parent; None takes a file away. Return its id."""
        base = self.call("GET", f"/git/commits/{parent}").json["tree"]["sha"]
        entries = [
            {"path": path, "mode": "100644", "type": "blob"} | ({"sha": None} if text is None else {"content": text})
            for path, text in files.items()
        ]
        tree = self.call("POST", "/git/trees", {"base_tree": base, "tree": entries})
        assert tree.status == 201
        made = self.call("POST", "/git/commits", {"message": message, "tree": tree.json["sha"], "parents": [parent]})
        assert made.status == 201
        return str(made.json["sha"])

    def branch(self, name: str, files: dict[str, str | None]) -> str:
        """Make a branch with one commit on top of main; return the commit."""
        sha = self.commit(files, self.head())
        assert self.call("POST", "/git/refs", {"ref": f"refs/heads/{name}", "sha": sha}).status == 201
        return sha

    def pull(self, branch: str = "pao/orders", **more: Any) -> int:
        """Open a pull request from a new branch with one file; return its number."""
        self.branch(branch, {f"{branch}.txt": "new\n"})
        body = {"title": "Add", "head": branch, "base": "main", "body": f"Please.\n\nPAO-Task: {TASK}"} | more
        reply = self.call("POST", "/pulls", body)
        assert reply.status == 201
        return int(reply.json["number"])


@contextmanager
def github(*, data: Path | None = None, **settings: Any) -> Iterator[GitHubClient]:
    """Start a sandbox with one repository, and yield a client of it."""
    with Sandbox(data=data) as sandbox, requests.Session() as session:
        session.trust_env = False
        sandbox.github.repositories.create(NAME, FILES, **settings)
        yield GitHubClient(sandbox, session)
