"""The connection to GitHub's REST API, of github.com or of an Enterprise Server: calls, waits and refusals.

Errors speak GitHub's own words. A call that has no visible effect can never leave anything unknown: without an answer
it is `ConnectFailed`. A rate limit is waited for as long as the attempt may last, because nothing was done yet (R46).
"""

import re
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol
from urllib.parse import quote

from pao.clients import http
from pao.clients.answers import Answer, retry_after_seconds
from pao.clients.destinations import Destinations
from pao.clients.http import HttpDoor
from pao.clients.patience import is_time_for
from pao.clients.redaction import masked_text
from pao.core import clock
from pao.core.errors import CallRefused, ConnectFailed, Detail, OutcomeUnknown

API_VERSION = "2022-11-28"
MEDIA_TYPE = "application/vnd.github+json"
SECONDARY_LIMIT_SECONDS = 60.0
"""How long GitHub asks to wait when a secondary rate limit says nothing else."""
NOT_FOUND, CONFLICT = 404, 409
_UNAUTHORIZED, _FORBIDDEN, _TOO_MANY, _FIRST_ERROR = 401, 403, 429, 400
_SECONDARY = re.compile(r"secondary rate limit|abuse detection", re.IGNORECASE)
_HINTS = {
    401: "Check PAO_GITHUB_TOKEN, or the settings of the GitHub App.",
    403: "What PAO signs in with lacks a permission; it needs to write contents and pull requests.",
    404: "Check the repository's name, and whether what PAO signs in with may see it.",
    429: "GitHub limits the rate; wait as long as it says, then retry.",
}


class Credentials(Protocol):
    """Gives what PAO signs in with."""

    def token(self, *, not_after: float | None = None) -> str:
        """Return a token that is good for a while."""

    def forget(self, token: str) -> None:
        """Hear that a token was refused."""


class FixedToken:
    """A personal access token, or any other that somebody else renews."""

    def __init__(self, token: str) -> None:
        self._token = token

    def token(self, *, not_after: float | None = None) -> str:
        """Return it."""
        del not_after
        return self._token

    def forget(self, token: str) -> None:
        """There is no other one."""


class GitHubConnection:
    """One GitHub, at the address of its API: https://api.github.com, or https://HOST/api/v3."""

    def __init__(
        self,
        url: str,
        credentials: Credentials,
        *,
        door: HttpDoor | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url = url.rstrip("/")
        self._credentials = credentials
        self._door = door or http.door()
        self._policy = Destinations.of([self.url], setting="PAO_GITHUB_URL", loopback=True)
        self._sleep = sleep

    def call(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        params: Mapping[str, str] | None = None,
        not_after: float | None = None,
    ) -> Answer:
        """Make one call that may have an effect, again only when GitHub has certainly done nothing.

        Raises `CallRefused` with GitHub's words for a 4xx, `ConnectFailed` when nothing was sent, `OutcomeUnknown` for
        a 5xx or no answer.
        """
        waits, renewed = 0, False
        while True:
            token = self._credentials.token(not_after=not_after)
            answer = self._door.call(
                method,
                f"{self.url}{path}",
                policy=self._policy,
                headers=_headers(token, has_body=json is not None),
                params=params,
                json=json,
                not_after=not_after,
                raise_for=frozenset({http.REDIRECTS, http.SERVER_ERRORS}),
            )
            if answer.status < _FIRST_ERROR:
                return answer
            if answer.status == _UNAUTHORIZED and not renewed and self._has_newer(token, not_after):
                renewed = True
                continue
            wait = _wait_of(answer)
            if wait is None or not is_time_for(wait, waits, not_after):
                raise _refusal(answer, wait, token)
            waits += 1
            self._sleep(wait)

    def _has_newer(self, token: str, not_after: float | None) -> bool:
        """Whether there is another token than the one that was refused: an App's may have been revoked early."""
        self._credentials.forget(token)
        return self._credentials.token(not_after=not_after) != token

    def ask(self, method: str, path: str, **arguments: Any) -> Any:
        """Make a call that nobody could notice, and return its JSON; without an answer it raises `ConnectFailed`."""
        try:
            return self.call(method, path, **arguments).json()
        except OutcomeUnknown as error:
            raise ConnectFailed(f"GitHub gave no answer to a question. {error.message}", **error.facts) from error
        except ValueError as error:
            raise ConnectFailed(f"GitHub answered a question with something that is not JSON: {error}.") from error

    def found(self, path: str, **arguments: Any) -> Any | None:
        """Return the JSON of what is read, or None when GitHub says that it is not there, or the repository empty."""
        try:
            return self.ask("GET", path, **arguments)
        except CallRefused as refusal:
            if refusal.facts.get("status") not in {NOT_FOUND, CONFLICT}:
                raise
            return None


def place(repository: str, *parts: str) -> str:
    """Return the path of something in a repository `owner/name`; slashes in its parts stay, as GitHub wants them."""
    owner, _, name = repository.partition("/")
    return "/".join(["/repos", quote(owner, safe=""), quote(name, safe=""), *(quote(part, safe="/") for part in parts)])


def understood(what: str, read: Callable[[], Any]) -> Any:
    """Return what is read from an answer; raises `ConnectFailed` when GitHub has answered with something else."""
    try:
        return read()
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise ConnectFailed(f"GitHub answered with something else than {what}. Nothing was changed.") from error


def _headers(token: str, *, has_body: bool) -> dict[str, str]:
    kind = {"Content-Type": "application/json"} if has_body else {}
    version = {"X-GitHub-Api-Version": API_VERSION}
    return {"Accept": MEDIA_TYPE, "Authorization": f"Bearer {token}", **version, **kind}


def _wait_of(answer: Answer) -> float | None:
    """Return the seconds after which the same call may be made again; None when waiting does not help."""
    if answer.status not in {_FORBIDDEN, _TOO_MANY}:
        return None
    asked = retry_after_seconds(answer.headers)
    if asked is not None:
        return asked
    reset = answer.headers.get("x-ratelimit-reset", "")
    if answer.headers.get("x-ratelimit-remaining") == "0" and reset.isascii() and reset.isdigit():
        return max(0.0, int(reset[:12]) - clock.now().timestamp()) + 1.0
    return SECONDARY_LIMIT_SECONDS if _SECONDARY.search(answer.text()[:2000]) else None


def _refusal(answer: Answer, wait: float | None, token: str) -> CallRefused:
    """Return GitHub's refusal in its own words, should they repeat the token without it."""
    try:
        said = answer.json()
    except ValueError:
        said = None
    said = said if isinstance(said, Mapping) else {}
    details = [_detail(one, token) for one in said.get("errors") or [] if isinstance(one, Mapping | str)]
    first = " ".join(masked_text(str(said.get("message") or ""), (token,), 500).split())
    words = "; ".join(filter(None, [first, *(f"{one.field}: {one.issue}".removeprefix(": ") for one in details)]))
    is_limit = wait is not None
    hint = _HINTS.get(_TOO_MANY if is_limit else answer.status, "")
    sentence = f"GitHub refused the call with {answer.status}: {words.rstrip('.') or 'it gave no reason'}."
    facts = {"status": answer.status, "words": words, "retry_after": wait}
    return CallRefused(f"{sentence} {hint}".strip(), details=details, **facts)


def _detail(error: Mapping[str, Any] | str, token: str) -> Detail:
    if isinstance(error, str):
        return Detail("", masked_text(error, (token,), 300))
    issue = error.get("message") or error.get("code") or ""
    return Detail(str(error.get("field") or ""), masked_text(str(issue), (token,), 300))
