"""JIRA's REST API, version 3 (Cloud) and 2 (Data Center), as far as PAO needs it.

A call that only reads can never leave anything unknown: without an answer it is `ConnectFailed`.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypedDict, TypeVar
from urllib.parse import quote

from pao.clients.http import HttpDoor
from pao.clients.jira_connection import JiraConnection, SignIn, TokenSignIn
from pao.clients.jira_delivery import FIELDS, Delivery, judged
from pao.clients.jira_text import RichText, to_adf, to_wiki
from pao.clients.redaction import masked_text
from pao.core.errors import CallRefused, ConnectFailed, OutcomeUnknown
from pao.settings_jira import DEFAULT

BLOCKS = "Blocks"
BLOCKED_BY = "is blocked by"
EPIC_LINK = "com.pyxis.greenhopper.jira:gh-epic-link"
PAGE = 100
"""Tickets on one page of a search, and the most that are asked for at once."""
Parsed = TypeVar("Parsed")

_KEY = re.compile(r"[A-Z][A-Z0-9_]+-[0-9]+", re.ASCII)
_WITHDRAWN = frozenset({404, 410})


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


class JiraClient:
    """One JIRA instance, `instance` by the settings. Without a `sign_in`: `user` with an API token, or none and a PAT.

    `browse_url` is where people open tickets, when that is not the address of the API.
    """

    def __init__(
        self,
        url: str,
        api_version: str,
        user: str,
        token: str,
        default_issue_type: str,
        *,
        instance: str = DEFAULT,
        browse_url: str = "",
        sign_in: SignIn | None = None,
        door: HttpDoor | None = None,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        self.connection = JiraConnection(
            url, api_version, sign_in or TokenSignIn(user, token), instance=instance, door=door, sleep=sleep
        )
        self.url = self.connection.url
        self.api_version = api_version
        self.instance = instance
        self.default_issue_type = default_issue_type
        self._browse_url = (browse_url or url).rstrip("/")

    def create_issue(self, fields: Mapping[str, Any], *, not_after: float | None = None) -> Issue:
        """Create a ticket, once. `not_after` is the monotonic moment after which no call may begin.

        Raises `CallRefused` with JIRA's words for a 4xx, `ConnectFailed` when nothing was sent, `OutcomeUnknown` for a
        5xx, no answer, or an answer without a key (F44).
        """
        answer = self.connection.call("POST", "/issue", json={"fields": fields}, not_after=not_after)
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
        self.connection.call("POST", "/issueLink", json=body, not_after=not_after)

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
        read = self.connection.read(
            "GET", f"/issue/{quote(key, safe='')}", params={"fields": fields}, not_after=not_after
        )
        found = read.get("fields")
        return found if isinstance(found, Mapping) else {}

    def delivery_of(self, key: str) -> Delivery:
        """Return how the ticket stands. Raises what `issue` raises."""
        return judged(self.issue(key, ",".join(FIELDS)))

    def deliveries_of(self, keys: Iterable[str], *, not_after: float | None = None) -> dict[str, Delivery]:
        """Return how tickets stand, by key, in one call for `PAGE` of them; more are left out, as is what is not seen.

        Raises `ConnectFailed` or `CallRefused` when JIRA cannot be asked.
        """
        asked = list(dict.fromkeys(key for key in keys if _KEY.fullmatch(key)))[:PAGE]
        if not asked:
            return {}
        found = self._parsed(self._asked_for(asked, not_after), lambda one: (str(one["key"]), judged(one["fields"])))
        return {key: delivery for key, delivery in found if key in asked}

    def remote_link(self, key: str, *, global_id: str, url: str, title: str, not_after: float | None = None) -> None:
        """Record at the ticket that it is blocked by what lies at `url`; again under one `global_id` replaces (R44)."""
        target = {"url": url, "title": title}
        body = {"globalId": global_id, "relationship": BLOCKED_BY, "object": target}
        self.connection.call("POST", f"/issue/{quote(key, safe='')}/remotelink", json=body, not_after=not_after)

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
        known = self.connection.read("GET", "/field", not_after=not_after)
        for field in known if isinstance(known, list) else ():
            if (field.get("schema") or {}).get("custom") == EPIC_LINK:
                return {str(field["id"]): epic_key}
        raise CallRefused("This JIRA has no epics: the field Epic Link is missing. Leave epicKey out.", code="NO_EPICS")

    def browse_url(self, key: str) -> str:
        """Return the address at which people open the ticket."""
        return f"{self._browse_url}/browse/{key}"

    def _searched(self, query: Mapping[str, Any], not_after: float | None) -> list[Issue]:
        return self._parsed(self._page(query, not_after), self._issue)

    def _asked_for(self, keys: list[str], not_after: float | None) -> Any:
        """Ask for tickets by key. A search refuses all of them for one that is gone, unless it need not check."""
        if self.api_version == "2":
            quoted = ", ".join(f'"{key}"' for key in keys)
            query = {"jql": f"key in ({quoted})", "fields": list(FIELDS), "maxResults": PAGE, "validateQuery": "false"}
            try:
                return self.connection.read("POST", "/search", json=query, not_after=not_after)
            except CallRefused as refusal:
                if refusal.facts.get("status") not in _WITHDRAWN:
                    raise
        body = {"issueIdsOrKeys": keys, "fields": list(FIELDS)}
        return self.connection.read("POST", "/issue/bulkfetch", json=body, not_after=not_after)

    def _page(self, query: Mapping[str, Any], not_after: float | None) -> Any:
        by_token = {name: value for name, value in query.items() if name != "startAt"}
        if self.api_version != "2" or "nextPageToken" in query:
            return self.connection.read("POST", "/search/jql", json=by_token, not_after=not_after)
        try:
            return self.connection.read("POST", "/search", json=query, not_after=not_after)
        except CallRefused as refusal:
            # Cloud has withdrawn this path, for version 2 of its API too.
            if refusal.facts.get("status") not in _WITHDRAWN:
                raise
        return self.connection.read("POST", "/search/jql", json=by_token, not_after=not_after)

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


def _next_place(found: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return where the page behind this one begins, by token or, as version 2 has it, by number; None at the end."""
    if token := found.get("nextPageToken"):
        return {"nextPageToken": token}
    start, total, size = found.get("startAt"), found.get("total"), len(found["issues"])
    if isinstance(start, int) and isinstance(total, int) and size and start + size < total:
        return {"startAt": start + size}
    return None
