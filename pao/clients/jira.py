"""JIRA's REST API, version 3 (Cloud) and 2 (Data Center), as far as PAO needs it.

Errors speak JIRA's own words. A call that only reads can never leave anything unknown: without an answer it is
`ConnectFailed`. 429 is waited for as long as the attempt may last, because nothing was done yet (R46).
"""

import base64
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, TypedDict, TypeVar
from urllib.parse import quote

from django.conf import settings

from pao.clients import http
from pao.clients.answers import Answer, retry_after_seconds
from pao.clients.destinations import Destinations
from pao.clients.http import HttpDoor
from pao.clients.jira_text import RichText, to_adf, to_wiki
from pao.clients.redaction import masked_text
from pao.core import clock
from pao.core.errors import CallRefused, ConnectFailed, Detail, Misconfigured, OutcomeUnknown

BLOCKS = "Blocks"
EPIC_LINK = "com.pyxis.greenhopper.jira:gh-epic-link"
PATIENCE_SECONDS = 20.0
MOST_WAITS = 5
PAGE = 100
"""Tickets on one page of a search."""
Parsed = TypeVar("Parsed")

_KEY = re.compile(r"[A-Z][A-Z0-9_]+-[0-9]+", re.ASCII)
_REJECTED = re.compile(r"won'?t|declin|reject|cancel|duplicate|invalid|cannot reproduce|abandon", re.IGNORECASE)
_HINTS = {
    401: "Check PAO_JIRA_USER and PAO_JIRA_TOKEN.",
    403: "The JIRA user of PAO lacks the permission, or JIRA asks for a CAPTCHA after failed logins.",
    404: "Check PAO_JIRA_URL and PAO_JIRA_API_VERSION, and whether the JIRA user of PAO may see the project.",
    429: "JIRA limits the rate; wait as long as it says, then retry.",
}


class Issue(TypedDict):
    """A ticket as PAO keeps it; `url` is the address that people open."""

    key: str
    id: str
    url: str


@dataclass(frozen=True)
class Written:
    """A ticket that PAO's user wrote: its labels, and when (as JIRA says it)."""

    issue: Issue
    labels: tuple[str, ...]
    created: str


@dataclass(frozen=True)
class Delivery:
    """Whether a ticket is delivered, in PAO's word and in JIRA's, and when it was resolved (ISO 8601 or empty)."""

    delivery: Literal["open", "done", "rejected", "unknown"]
    words: str = ""
    resolved_at: str = ""


class JiraClient:
    """One JIRA instance. `user` with an API token, or an empty user with a personal access token."""

    def __init__(
        self,
        url: str,
        api_version: str,
        user: str,
        token: str,
        default_issue_type: str,
        *,
        door: HttpDoor | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url = url.rstrip("/")
        self.api_version = api_version
        self.default_issue_type = default_issue_type
        self._authorization = _authorization(user, token)
        self._door = door or http.door()
        self._policy = Destinations.of([self.url], setting="PAO_JIRA_URL", loopback=True)
        self._sleep = sleep

    def create_issue(self, fields: Mapping[str, Any], *, not_after: float | None = None) -> Issue:
        """Create a ticket, once. `not_after` is the monotonic moment after which no call may begin.

        Raises `CallRefused` with JIRA's words for a 4xx, `ConnectFailed` when nothing was sent, `OutcomeUnknown` for a
        5xx, no answer, or an answer without a key (F44).
        """
        answer = self._call("POST", "/issue", json={"fields": fields}, not_after=not_after)
        try:
            created = answer.json()
            return self._issue(created)
        except (ValueError, KeyError, TypeError) as error:
            raise OutcomeUnknown(
                f"JIRA answered {answer.status} to the creation of a ticket, but without its key: "
                f"{masked_text(answer.text(), (), 200) or 'an empty answer'}.",
                status=answer.status,
            ) from error

    def link(self, blocker_key: str, blocked_key: str, *, not_after: float | None = None) -> None:
        """Record that `blocker_key` blocks `blocked_key`; doing so twice is harmless.

        The inward issue is the one that blocks (R35), against what the names suggest.
        """
        body = {
            "type": {"name": BLOCKS},
            "inwardIssue": {"key": blocker_key},
            "outwardIssue": {"key": blocked_key},
        }
        self._call("POST", "/issueLink", json=body, not_after=not_after)

    def find_by_label(self, label: str, *, not_after: float | None = None) -> list[Issue]:
        """Return the tickets that carry `label`. JIRA's index may lag: an empty list proves nothing (F47)."""
        quoted = label.replace("\\", "\\\\").replace('"', '\\"')
        query = {"jql": f'labels = "{quoted}" ORDER BY created ASC', "fields": ["summary"], "maxResults": 50}
        return self._searched(query, not_after)

    def written_since(self, days: int) -> Iterator[list[Written]]:
        """Yield, page by page and oldest first, the tickets that PAO's user created within the last `days`.

        JIRA searches labels by whole words only, so what they begin with is the caller's to look at. Raises
        `ConnectFailed` when JIRA answers with something else than pages of tickets.
        """
        query: dict[str, Any] = {
            "jql": f'creator = currentUser() AND created >= "-{days}d" ORDER BY created ASC',
            "fields": ["labels", "created"],
            "maxResults": PAGE,
        }
        place: dict[str, Any] | None = {}
        while place is not None:
            found = self._page(query | place, None)
            yield self._parsed(found, self._written)
            place, before = _next_place(found), place
            if place is not None and place == before:
                raise ConnectFailed("JIRA gave the same page of a search again. Nothing was changed.")

    def issue(self, key: str, fields: str, *, not_after: float | None = None) -> Mapping[str, Any]:
        """Return the named fields (with commas between) of a ticket; raises `CallRefused` when there is none to see."""
        read = self._read("GET", f"/issue/{quote(key, safe='')}", params={"fields": fields}, not_after=not_after)
        found = read.get("fields")
        return found if isinstance(found, Mapping) else {}

    def delivery_of(self, key: str) -> Delivery:
        """Return how the ticket stands. Raises what `issue` raises."""
        fields = self.issue(key, "status,resolution,resolutiondate")
        status = fields.get("status") or {}
        category = (status.get("statusCategory") or {}).get("key")
        resolution = (fields.get("resolution") or {}).get("name") or ""
        words = " · ".join(word for word in (str(status.get("name") or ""), resolution) if word)
        if category == "done":
            rejected = _REJECTED.search(words)
            return Delivery("rejected" if rejected else "done", words, str(fields.get("resolutiondate") or ""))
        return Delivery("open" if category in {"new", "indeterminate"} else "unknown", words)

    def rich_text(self, runs: RichText, tail: RichText = ()) -> Any:
        """Return text in the form that this instance's version takes; `tail` is kept when the text must be cut."""
        return to_wiki(runs, tail) if self.api_version == "2" else to_adf(runs, tail)

    def assignee(self, account: str) -> dict[str, str]:
        """Return the assignee field: an account id on Cloud, a user name on Data Center."""
        return {"name" if self.api_version == "2" else "accountId": account}

    def epic_fields(self, epic_key: str, *, not_after: float | None = None) -> dict[str, Any]:
        """Return the fields that put a ticket below an epic: its parent on Cloud, the custom field on Data Center."""
        if self.api_version != "2":
            return {"parent": {"key": epic_key}}
        known = self._read("GET", "/field", not_after=not_after)
        for field in known if isinstance(known, list) else ():
            if (field.get("schema") or {}).get("custom") == EPIC_LINK:
                return {str(field["id"]): epic_key}
        raise CallRefused("This JIRA has no epics: the field Epic Link is missing. Leave epicKey out.", code="NO_EPICS")

    def browse_url(self, key: str) -> str:
        """Return the address at which people open the ticket."""
        return f"{self.url}/browse/{key}"

    def _searched(self, query: Mapping[str, Any], not_after: float | None) -> list[Issue]:
        return self._parsed(self._page(query, not_after), self._issue)

    def _page(self, query: Mapping[str, Any], not_after: float | None) -> Any:
        by_token = {name: value for name, value in query.items() if name != "startAt"}
        if self.api_version != "2" or "nextPageToken" in query:
            return self._read("POST", "/search/jql", json=by_token, not_after=not_after)
        try:
            return self._read("POST", "/search", json=query, not_after=not_after)
        except CallRefused as refusal:
            # Cloud has withdrawn this path, for version 2 of its API too.
            if refusal.facts.get("status") not in {404, 410}:
                raise
        return self._read("POST", "/search/jql", json=by_token, not_after=not_after)

    def _parsed(self, found: Any, parse: Callable[[Any], Parsed]) -> list[Parsed]:
        try:
            return [parse(issue) for issue in found["issues"]]
        except (ValueError, KeyError, TypeError) as error:
            raise ConnectFailed(
                "JIRA answered a search with something else than tickets. Nothing was changed."
            ) from error

    def _written(self, data: Any) -> Written:
        fields = data["fields"]
        return Written(self._issue(data), tuple(map(str, fields["labels"])), str(fields["created"]))

    def _issue(self, data: Any) -> Issue:
        key = str(data["key"])
        if not _KEY.fullmatch(key):
            raise ValueError("no key of a ticket")
        return Issue(key=key, id=str(data["id"]), url=self.browse_url(key))

    def _read(self, method: str, path: str, **arguments: Any) -> Any:
        """Make a call that changes nothing, and return its JSON."""
        try:
            return self._call(method, path, **arguments).json()
        except OutcomeUnknown as error:
            raise ConnectFailed(f"JIRA gave no answer to a question. {error.message}", **error.facts) from error
        except ValueError as error:
            raise ConnectFailed(f"JIRA answered a question with something that is not JSON: {error}.") from error

    def _call(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        params: Mapping[str, str] | None = None,
        not_after: float | None = None,
    ) -> Answer:
        waits = 0
        while True:
            answer = self._door.call(
                method,
                f"{self.url}/rest/api/{self.api_version}{path}",
                policy=self._policy,
                headers=self._headers(json is not None),
                params=params,
                json=json,
                not_after=not_after,
                raise_for=frozenset({http.REDIRECTS, http.SERVER_ERRORS}),
            )
            if answer.status < 400:  # noqa: PLR2004 - classes of HTTP statuses are their own names
                return answer
            wait = retry_after_seconds(answer.headers)
            if answer.status != 429 or wait is None or not _is_time_for(wait, waits, not_after):  # noqa: PLR2004 - as above
                raise _refusal(answer)
            waits += 1
            self._sleep(wait)

    def _headers(self, has_body: bool) -> dict[str, str]:  # noqa: FBT001 - one flag of a private helper
        kind = {"Content-Type": "application/json"} if has_body else {}
        return {"Accept": "application/json", "Authorization": self._authorization, **kind}


def _next_place(found: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return where the page behind this one begins, by token or, as version 2 has it, by number; None at the end."""
    if token := found.get("nextPageToken"):
        return {"nextPageToken": token}
    start, total, size = found.get("startAt"), found.get("total"), len(found["issues"])
    if isinstance(start, int) and isinstance(total, int) and size and start + size < total:
        return {"startAt": start + size}
    return None


def from_settings() -> JiraClient:
    """Return the client of the instance that the settings name; raises `Misconfigured` when they name none."""
    if not settings.PAO_JIRA_URL:
        raise Misconfigured("PAO_JIRA_URL is not set, so no ticket can be created. Nothing was called.")
    return _client(
        settings.PAO_JIRA_URL,
        settings.PAO_JIRA_API_VERSION,
        settings.PAO_JIRA_USER,
        settings.PAO_JIRA_TOKEN,
        settings.PAO_JIRA_ISSUE_TYPE,
    )


@lru_cache(maxsize=4)
def _client(url: str, api_version: str, user: str, token: str, issue_type: str) -> JiraClient:
    return JiraClient(url, api_version, user, token, issue_type)


def _authorization(user: str, token: str) -> str:
    if not user:
        return f"Bearer {token}"
    return "Basic " + base64.b64encode(f"{user}:{token}".encode()).decode("ascii")


def _is_time_for(wait: float, waits: int, not_after: float | None) -> bool:
    if waits >= MOST_WAITS:
        return False
    if not_after is None:
        return wait <= PATIENCE_SECONDS
    return clock.monotonic() + wait + http.LEAST_SECONDS < not_after


def _refusal(answer: Answer) -> CallRefused:
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
    hint = _HINTS.get(answer.status, "")
    sentence = f"JIRA refused the call with {answer.status}: {'; '.join(words).rstrip('.') or 'it gave no reason'}."
    return CallRefused(
        f"{sentence} {hint}".strip(),
        details=details,
        status=answer.status,
        words="; ".join(words),
        retry_after=retry_after_seconds(answer.headers),
    )
