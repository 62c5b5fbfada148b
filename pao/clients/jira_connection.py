"""One JIRA instance as a connection: its address, who PAO is there, and calls that wait when JIRA says so.

Errors speak JIRA's own words. 429 is waited for as long as the attempt may last, because nothing was done yet (R46).
"""

import base64
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from pao.clients import http
from pao.clients.answers import Answer, retry_after_seconds
from pao.clients.destinations import Destinations
from pao.clients.http import HttpDoor
from pao.clients.oauth import ClientCredentials
from pao.clients.patience import is_time_for
from pao.clients.redaction import masked_text
from pao.core.errors import CallRefused, ConnectFailed, Detail, OutcomeUnknown
from pao.settings_jira import DEFAULT, prefix_of

_HINTS = {
    401: "Check {0}USER and {0}TOKEN.",
    403: "The JIRA user of PAO lacks the permission, or JIRA asks for a CAPTCHA after failed logins.",
    404: "Check {0}URL and {0}API_VERSION, and whether the JIRA user of PAO may see the project.",
    429: "JIRA limits the rate; wait as long as it says, then retry.",
}


class SignIn(Protocol):
    """How PAO says who it is."""

    def header(self, *, not_after: float | None) -> str:
        """Return the value of the header Authorization; raises an `ActionFailed` when there is none to be had."""

    def refused(self, header: str) -> bool:
        """Hear that JIRA took the header for nobody's; return whether another one is worth a try."""


class TokenSignIn:
    """A user with an API token, or an empty user with a personal access token."""

    def __init__(self, user: str, token: str) -> None:
        pair = base64.b64encode(f"{user}:{token}".encode()).decode("ascii")
        self._header = f"Basic {pair}" if user else f"Bearer {token}"

    def header(self, *, not_after: float | None) -> str:
        """Return the one header that there is."""
        del not_after
        return self._header

    def refused(self, header: str) -> bool:
        """Return False: it would be the same."""
        del header
        return False


class OAuthSignIn:
    """OAuth 2 client credentials."""

    def __init__(self, credentials: ClientCredentials) -> None:
        self._credentials = credentials

    def header(self, *, not_after: float | None) -> str:
        """Return the header with the access token of now."""
        return f"Bearer {self._credentials.token(not_after=not_after)}"

    def refused(self, header: str) -> bool:
        """Forget the token, and return True: it may have been withdrawn before its time."""
        self._credentials.forget(header.removeprefix("Bearer "))
        return True


class JiraConnection:
    """Calls to one instance; `instance` is its name in the settings."""

    def __init__(
        self,
        url: str,
        api_version: str,
        sign_in: SignIn,
        *,
        instance: str = DEFAULT,
        door: HttpDoor | None = None,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self.api_version = api_version
        self.instance = instance
        self._sign_in = sign_in
        self._door = door or http.door()
        self._policy = Destinations.of([self.url], setting=f"{prefix_of(instance)}URL", loopback=True)
        self._sleep = sleep or time.sleep

    def read(self, method: str, path: str, **arguments: Any) -> Any:
        """Make a call, with what `call` takes, that changes nothing; return its JSON. No answer is `ConnectFailed`."""
        try:
            return self.call(method, path, **arguments).json()
        except OutcomeUnknown as error:
            raise ConnectFailed(f"JIRA gave no answer to a question. {error.message}", **error.facts) from error
        except ValueError as error:
            raise ConnectFailed(f"JIRA answered a question with something that is not JSON: {error}.") from error

    def call(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        params: Mapping[str, str] | None = None,
        not_after: float | None = None,
    ) -> Answer:
        """Make one call below the version's path and return its answer, which is below 400.

        Repeated only where JIRA has done nothing: 429, after the wait it asks for, and once with a fresh OAuth token.
        Raises `CallRefused` with JIRA's words, `ConnectFailed`, `OutcomeUnknown`.
        """
        waits, renewed = 0, False
        while True:
            header = self._sign_in.header(not_after=not_after)
            answer = self._door.call(
                method,
                f"{self.url}/rest/api/{self.api_version}{path}",
                policy=self._policy,
                headers=_headers(header, has_body=json is not None),
                params=params,
                json=json,
                not_after=not_after,
                raise_for=frozenset({http.REDIRECTS, http.SERVER_ERRORS}),
            )
            if answer.status < 400:  # noqa: PLR2004 - classes of HTTP statuses are their own names
                return answer
            if answer.status == 401 and not renewed and self._sign_in.refused(header):  # noqa: PLR2004 - as above
                renewed = True
                continue
            wait = retry_after_seconds(answer.headers)
            if answer.status != 429 or wait is None or not is_time_for(wait, waits, not_after):  # noqa: PLR2004 - as above
                raise _refusal(answer, prefix_of(self.instance))
            waits += 1
            self._sleep(wait)


def _headers(authorization: str, *, has_body: bool) -> dict[str, str]:
    kind = {"Content-Type": "application/json"} if has_body else {}
    return {"Accept": "application/json", "Authorization": authorization, **kind}


def _refusal(answer: Answer, prefix: str) -> CallRefused:
    """Return JIRA's refusal in its own words: the messages, and what it says by field."""
    try:
        said = answer.json()
    except ValueError:
        said = None
    messages = said.get("errorMessages") if isinstance(said, Mapping) else None
    by_field = said.get("errors") if isinstance(said, Mapping) else None
    details = (
        [Detail(str(name), masked_text(str(issue), (), 300)) for name, issue in (by_field or {}).items()]
        if (isinstance(by_field, Mapping))
        else []
    )
    words = [masked_text(str(message), (), 500) for message in messages] if isinstance(messages, list) else []
    words += [f"{detail.field}: {detail.issue}" for detail in details]
    hint = _HINTS.get(answer.status, "").format(prefix)
    sentence = f"JIRA refused the call with {answer.status}: {'; '.join(words).rstrip('.') or 'it gave no reason'}."
    return CallRefused(
        f"{sentence} {hint}".strip(),
        details=details,
        status=answer.status,
        words="; ".join(words),
        retry_after=retry_after_seconds(answer.headers),
    )
