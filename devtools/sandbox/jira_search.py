"""JIRA's search: by token (search/jql) and by start (search, version 2)."""

import base64
import binascii
import re
from collections.abc import Callable, Iterable
from typing import Any

from devtools.sandbox import jql
from devtools.sandbox.jira_views import Views
from devtools.sandbox.store import Store, Ticket
from devtools.sandbox.web import Answer, Json, Request, json_answer, refusal
from pao.core import clock

LARGEST_PAGE = 5000
LARGEST_BULK = 100


class Search:
    """Answers the search operations; a lag fault hides young tickets, as JIRA's index does."""

    def __init__(self, store: Store, has_project: Callable[[str], bool], *, prefix: str = "") -> None:
        self._store = store
        self._has_project = has_project
        self._prefix = prefix

    def by_token(self, request: Request) -> Answer:
        """GET and POST search/jql: pages by token, only ids unless fields are asked for."""
        asked = _search_input(request)
        query = _query(asked)
        if not query.conditions:
            message = "Unbounded JQL queries are not allowed here. Please add a search restriction to your query."
            raise refusal(400, message)
        found = self._find(query, request.lag_seconds)
        start = _token_start(asked.get("nextPageToken"))
        end = start + bounded(asked, "maxResults", 50, LARGEST_PAGE)
        views = Views(self._store, request.base_url + self._prefix, request.params.get("version", "2"))
        fields = [name for name in names(asked.get("fields", [])) if name != "id"]
        issues = [views.issue(ticket, fields) if fields else {"id": str(ticket.id)} for ticket in found[start:end]]
        if end >= len(found):
            return json_answer({"issues": issues, "isLast": True})
        token = base64.urlsafe_b64encode(f"at:{end}".encode()).decode()
        return json_answer({"issues": issues, "isLast": False, "nextPageToken": token})

    def by_start(self, request: Request) -> Answer:
        """GET and POST search, version 2 only: pages by startAt, all fields unless some are asked for."""
        asked = _search_input(request)
        checks = str(asked.get("validateQuery", "strict")).lower() in {"strict", "true"}
        found = self._find(_query(asked), request.lag_seconds, checks=checks)
        start = bounded(asked, "startAt", 0, 10**9, least=0)
        size = bounded(asked, "maxResults", 50, LARGEST_PAGE, least=0)
        views = Views(self._store, request.base_url + self._prefix, request.params.get("version", "2"))
        issues = [views.issue(ticket, names(asked.get("fields", []))) for ticket in found[start : start + size]]
        page = {"expand": "schema,names", "startAt": start, "maxResults": size, "total": len(found), "issues": issues}
        return json_answer(page)

    def in_bulk(self, request: Request) -> Answer:
        """POST issue/bulkfetch: tickets by key or id; those that are not there come as errors."""
        asked = request.json_object()
        wanted = asked.get("issueIdsOrKeys")
        if (
            not isinstance(wanted, list)
            or not 0 < len(wanted) <= LARGEST_BULK
            or not all(isinstance(one, str) for one in wanted)
        ):
            raise refusal(400, f"issueIdsOrKeys must list 1 to {LARGEST_BULK} ids or keys.")
        views = Views(self._store, request.base_url + self._prefix, request.params.get("version", "2"))
        found = {one: self._store.ticket(one) for one in wanted}
        fields = names(asked.get("fields", []))
        issues = [views.issue(ticket, fields) for ticket in found.values() if ticket is not None]
        errors = [{"id": one, "errorMessage": "NOT_FOUND"} for one, ticket in found.items() if ticket is None]
        return json_answer({"issues": issues, "issueErrors": errors})

    def _find(self, query: jql.Query, lag_seconds: float, *, checks: bool = True) -> list[Ticket]:
        youngest = clock.now().timestamp() - lag_seconds
        labels = query.values("labels")
        found = self._store.tickets(labels[0] if labels and len(labels) == 1 else None)
        found = [ticket for ticket in found if not lag_seconds or ticket.created <= youngest]
        for field, values in query.conditions:
            if checks:
                self._check_values(field, values)
            found = [ticket for ticket in found if _holds(ticket, field, values)]
        for field, descending in reversed(query.order):
            found.sort(key=lambda ticket: _order_value(ticket, field), reverse=descending)
        return found

    def _check_values(self, field: str, values: Iterable[str]) -> None:
        for value in values:
            if field == "project" and not self._has_project(value.upper()):
                raise refusal(400, f"The value '{value}' does not exist for the field 'project'.")
            if field == "key" and self._store.ticket(value) is None:
                raise refusal(400, f"An issue with key '{value}' does not exist for field 'key'.")


def names(values: Any) -> list[str]:
    """Return the field names of a list whose entries may hold several, separated by commas; 400 otherwise."""
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise refusal(400, "fields must be a list of field names.")
    return [name.strip() for value in values for name in value.split(",") if name.strip()]


def _search_input(request: Request) -> Json:
    if request.method == "POST":
        return request.json_object()
    asked: Json = {name: values[0] for name, values in request.query.items()}
    return asked | {"fields": request.query.get("fields", [])}


def _query(asked: Json) -> jql.Query:
    text = asked.get("jql", "")
    if not isinstance(text, str):
        raise refusal(400, "jql must be a string.")
    try:
        return jql.parse(text)
    except jql.JqlError as error:
        raise refusal(400, str(error)) from error


def bounded(asked: Json, name: str, default: int, most: int, *, least: int = 1) -> int:
    """Return a whole number of the query or body, cut at the most; 400 when it is none or below the least."""
    value = asked.get(name, default)
    if isinstance(value, str) and re.fullmatch("[0-9]{1,10}", value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise refusal(400, f"{name} must be a whole number from {least}.")
    return min(value, most)


def _token_start(token: Any) -> int:
    if token is None:
        return 0
    try:
        found = re.fullmatch(rb"at:([0-9]{1,9})", base64.urlsafe_b64decode(token))
    except (TypeError, ValueError, binascii.Error):
        found = None
    if found is None:
        raise refusal(400, "nextPageToken is not valid. Take it from the page before.")
    return int(found[1])


def _holds(ticket: Ticket, field: str, values: tuple[str, ...]) -> bool:
    if field == "labels":
        return bool(set(values) & set(ticket.labels))
    if field == "creator":
        return jql.ME in values  # one user makes every ticket here
    if field == "created":
        return ticket.created >= clock.now().timestamp() - jql.seconds(values[0])
    own = {"project": {ticket.project}, "key": {ticket.key, str(ticket.id)}, "status": {ticket.status}}[field]
    return bool({value.upper() for value in values} & {value.upper() for value in own})


def _order_value(ticket: Ticket, field: str) -> Any:
    values = {"created": ticket.created, "updated": ticket.updated, "id": ticket.id, "project": ticket.project}
    return values.get(field, (ticket.project, ticket.number))
