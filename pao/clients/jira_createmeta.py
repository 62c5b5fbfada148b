"""What JIRA tells of the fields of a project's issue type, remembered for a while by every process for itself."""

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any
from urllib.parse import quote

from pao.clients.jira_connection import JiraConnection
from pao.clients.jira_fields import Field, knows
from pao.core import clock
from pao.core.errors import ActionFailed, CallRefused, ConnectFailed

KEPT_SECONDS = 600.0
MOST_KEPT = 200
PAGE = 50
MOST_PAGES = 20
_UNTOLD = frozenset({400, 403, 404, 405, 410})
"""How a JIRA says that it does not tell: no permission, no such project for PAO's user, or a version before it."""


@dataclass(frozen=True)
class _Known:
    fields: tuple[Field, ...]
    asked_at: float


class FieldsOf:
    """The fields by instance, project and issue type; safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._known: OrderedDict[tuple[str, str, str], _Known] = OrderedDict()

    def forget(self) -> None:
        """Know nothing."""
        with self._lock:
            self._known.clear()

    def remembered(self, connection: JiraConnection, project: str, issue_type: str) -> Sequence[Field] | None:
        """Return the fields without asking JIRA; None when they are not known, or no longer."""
        with self._lock:
            known = self._known.get((connection.url, project, issue_type))
        return known.fields if known and clock.monotonic() - known.asked_at < KEPT_SECONDS else None

    def fields(
        self,
        connection: JiraConnection,
        project: str,
        issue_type: str,
        *,
        needed: Sequence[str],
        not_after: float | None = None,
    ) -> Sequence[Field] | None:
        """Return the fields, asked anew when one of the `needed` names is not among those remembered.

        None when this JIRA does not tell. Raises `ActionFailed` when the project has no such issue type, and what a
        call raises that gets no answer.
        """
        remembered = self.remembered(connection, project, issue_type)
        if remembered is not None and knows(remembered, needed):
            return remembered
        try:
            found = tuple(_asked(connection, project, issue_type, not_after))
        except CallRefused as refusal:
            if refusal.facts.get("status") in _UNTOLD:
                return None
            raise
        with self._lock:
            key = connection.url, project, issue_type
            self._known[key] = _Known(found, clock.monotonic())
            self._known.move_to_end(key)
            while len(self._known) > MOST_KEPT:
                self._known.popitem(last=False)
        return found


fields_of = FieldsOf()
"""What this process knows."""


def _asked(connection: JiraConnection, project: str, issue_type: str, not_after: float | None) -> Iterator[Field]:
    place = f"/issue/createmeta/{quote(project, safe='')}/issuetypes"
    types = list(_paged(connection, place, ("issueTypes", "values"), not_after))
    chosen = [one for one in types if str(one.get("name", "")).casefold() == issue_type.casefold()]
    if not chosen:
        names = ", ".join(str(one.get("name")) for one in types) or "none that PAO's user may create"
        raise ActionFailed(
            f"The project {project} has no issue type {issue_type!r}; it has: {names}. Nothing was created.",
            code="INVALID_FIELD",
            path="ticket.issueType",
        )
    identifier = quote(str(chosen[0].get("id", "")), safe="")
    for described in _paged(connection, f"{place}/{identifier}", ("fields", "values", "results"), not_after):
        try:
            yield Field.of(described)
        except ValueError:
            continue


def _paged(
    connection: JiraConnection, path: str, members: Sequence[str], not_after: float | None
) -> Iterator[Mapping[str, Any]]:
    """Yield what stands under one of the names (Cloud and Data Center differ), page by page."""
    start = 0
    for _ in range(MOST_PAGES):
        params = {"startAt": str(start), "maxResults": str(PAGE)}
        page = connection.read("GET", path, params=params, not_after=not_after)
        rows = (
            next((page[name] for name in members if isinstance(page.get(name), list)), None)
            if isinstance(page, Mapping)
            else None
        )
        if rows is None:
            raise ConnectFailed("JIRA answered a question for its fields with something else. Nothing was created.")
        yield from (row for row in rows if isinstance(row, Mapping))
        start += len(rows)
        total = page.get("total")
        if not rows or not isinstance(total, int) or start >= total:
            return
