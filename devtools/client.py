"""PAO's public API as a developer's script would use it, and JIRA's, for looking at what came of a request."""

import base64
import hashlib
import hmac
import json
import time
import urllib.error
import urllib.request
import uuid
from typing import Any


class Answered(RuntimeError):
    """The other side answered with an error; its words are the message, `status` its HTTP status."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class PaoClient:
    """The REST API of PAO, as one seeded user."""

    def __init__(self, address: str, user: str) -> None:
        self.address = address
        self._user = user

    def get(self, path: str) -> Any:
        """Return `data` of a GET under /api/v1."""
        return self._call("GET", path, None)

    def post(self, path: str, body: Any, *, key: str = "") -> Any:
        """Return `data` of a POST under /api/v1; `key` is the idempotency key, a fresh one when empty."""
        return self._call("POST", path, body, key=key or str(uuid.uuid4()))

    def deny_effect(self, request_id: str, reason: str = "", *, patience: float = 60.0) -> Any:
        """Retry a request whose call had no effect; wait, so many seconds at most, while its worker may wake up."""
        gives_up = time.monotonic() + patience
        while True:
            try:
                return self.post(f"/requests/{request_id}/retry", {"confirm_no_effect": True, "reason": reason})
            except Answered as refused:
                if "may still wake up" not in str(refused) or time.monotonic() > gives_up:
                    raise
                time.sleep(0.25)

    def _call(self, method: str, path: str, body: Any, *, key: str = "") -> Any:
        headers = {"X-Dev-User": self._user, "Content-Type": "application/json"}
        if key:
            headers["Idempotency-Key"] = key
        return call(method, f"{self.address}/api/v1{path}", headers, body)["data"]


def deliver(address: str, payload: Any, secret: str) -> Any:
    """Deliver a push to PAO as GitHub does, signed; return `data` of the answer."""
    signature = hmac.new(secret.encode(), json.dumps(payload).encode(), hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/json",
        "X-GitHub-Event": "push",
        "X-GitHub-Delivery": str(uuid.uuid4()),
        "X-Hub-Signature-256": f"sha256={signature}",
    }
    return call("POST", f"{address}/api/v1/webhooks/github", headers, payload)["data"]


class JiraClient:
    """JIRA, read as a person would look at it."""

    def __init__(self, address: str, version: str, user: str, token: str) -> None:
        self._base = f"{address.rstrip('/')}/rest/api/{version}"
        credentials = base64.b64encode(f"{user}:{token}".encode()).decode()
        self._authorization = f"Basic {credentials}" if user else f"Bearer {token}"

    def issue(self, key: str) -> Any:
        """Return an issue with its links."""
        return call("GET", f"{self._base}/issue/{key}", {"Authorization": self._authorization}, None)

    def blockers(self, key: str) -> set[str]:
        """Return the keys of the issues that block this one: the links that show an `inwardIssue`."""
        links = self.issue(key)["fields"].get("issuelinks") or []
        return {
            link["inwardIssue"]["key"] for link in links if "inwardIssue" in link and link["type"]["name"] == "Blocks"
        }


def call(method: str, url: str, headers: dict[str, str], body: Any, *, seconds: float = 10.0) -> Any:
    """Return the JSON answer of one call; raises `Answered` for an error and OSError when nobody answers."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers=headers, method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=seconds) as answer:
            return json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        raise Answered(
            f"{method} {url} answered {error.code}: {error.read()[:2000].decode(errors='replace')}", error.code
        ) from error
