"""JIRA as PAO sees it: REST versions 2 (plain text) and 3 (Atlassian Document Format), as Cloud or as Data Center.

Judged by the strict contract in tests/contract/jira. Direction of links, as JIRA behaves: the inward issue of POST
issueLink blocks, the outward issue is blocked.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any

from devtools.sandbox import jira_kinds
from devtools.sandbox.jira_fields import ISSUE_TYPES, PRIORITIES, PROJECT_KEY, NewTicket, rich_text
from devtools.sandbox.jira_search import LARGEST_PAGE, Search, bounded, names
from devtools.sandbox.jira_views import LINK_TYPES, TRANSITIONS, Views, jira_time
from devtools.sandbox.store import Store, Ticket
from devtools.sandbox.web import Answer, Json, Refusal, Request, Router, json_answer, refusal
from pao.core import clock

NO_TICKET = "Issue does not exist or you do not have permission to see it."
CREDENTIALS = re.compile(r"(?:Basic|Bearer) +\S+", re.IGNORECASE)


class Jira:
    """Answers /rest/api/2/… and /rest/api/3/…; any credentials will do, none will not."""

    def __init__(self, store: Store, missing_projects: Iterable[str], *, prefix: str = "") -> None:
        """Take the path under which it is served; only a Data Center has one, and speaks version 2 alone."""
        self._store = store
        self._prefix = prefix
        self._missing_projects = frozenset(missing_projects)
        self._search = Search(store, self._has_project, prefix=prefix)

    def add_routes(self, router: Router) -> None:
        """Add the operations that PAO uses."""
        routes: list[tuple[str, str, Callable[[Request], Answer]]] = [
            ("POST", "issue", self.create_issue),
            ("GET", "issue/createmeta/{project}/issuetypes", self.issue_types),
            ("GET", "issue/createmeta/{project}/issuetypes/{type}", self.fields_of_type),
            ("GET", "field", self.fields),
            ("GET", "issue/{issue}", self.read_issue),
            ("GET", "issue/{issue}/transitions", self.transitions),
            ("POST", "issue/{issue}/transitions", self.transition),
            ("GET", "issue/{issue}/comment", self.comments),
            ("POST", "issue/{issue}/comment", self.add_comment),
            ("GET", "issue/{issue}/remotelink", self.remote_links),
            ("POST", "issue/{issue}/remotelink", self.put_remote_link),
            ("POST", "issueLink", self.link),
            ("GET", "issueLinkType", self.link_types),
            ("GET", "project/{project}", self.project),
            ("GET", "myself", self.myself),
            ("GET", "serverInfo", self.server_info),
        ]
        if not self._prefix:
            routes += [
                ("POST", "issue/bulkfetch", self._search.in_bulk),
                ("GET", "search/jql", self._search.by_token),
                ("POST", "search/jql", self._search.by_token),
                ("GET", "priority/search", self.priorities),
            ]
        version = "2" if self._prefix else "{version}"
        for method, path, handler in routes:
            router.add(method, f"{self._prefix}/rest/api/{version}/{path}", _authenticated(handler))
        for method in ("GET", "POST"):
            router.add(method, f"{self._prefix}/rest/api/2/search", _authenticated(self._search.by_start))

    def _views(self, request: Request) -> Views:
        return Views(self._store, request.base_url + self._prefix, _version(request))

    def _ticket(self, request: Request) -> Ticket:
        ticket = self._store.ticket(request.params["issue"])
        if ticket is None:
            raise refusal(404, NO_TICKET)
        return ticket

    def _has_project(self, key: str) -> bool:
        return bool(PROJECT_KEY.fullmatch(key)) and key not in self._missing_projects

    # -- tickets -------------------------------------------------------------------------------------------------

    def create_issue(self, request: Request) -> Answer:
        """POST issue: 201 with id, key and self, or 400 with every wrong field."""
        body = request.json_object()
        fields = body.get("fields")
        if not isinstance(fields, dict):
            raise refusal(400, "Can not instantiate value: fields must be an object.")
        new = NewTicket(fields, _version(request), ticket_exists=lambda key: self._store.ticket(key) is not None)
        project = self._project_of(fields)
        if project is None:
            raise refusal(400, errors={"project": "Specify a valid project ID or key", **new.errors})
        if new.errors:
            raise refusal(400, errors=new.errors)
        ticket = self._store.create_ticket(project, new.fields, request.origin(body))
        return json_answer(self._views(request).created(ticket), 201)

    def _project_of(self, fields: Json) -> str | None:
        project = fields.get("project")
        if not isinstance(project, dict):
            return None
        key, identifier = project.get("key"), project.get("id")
        if key is None and isinstance(identifier, str) and re.fullmatch("[0-9]{1,15}", identifier):
            key = self._store.project_key(int(identifier))
        return key if isinstance(key, str) and self._has_project(key) else None

    def read_issue(self, request: Request) -> Answer:
        """GET issue: 200 with all fields or those asked for by ?fields=a,b."""
        return json_answer(self._views(request).issue(self._ticket(request), names(request.query.get("fields", []))))

    # -- links ---------------------------------------------------------------------------------------------------

    def link(self, request: Request) -> Answer:
        """POST issueLink: 201 without a body; the same link a second time is no error and no effect."""
        body = request.json_object()
        wanted = body.get("type")
        name = _link_type(wanted) if isinstance(wanted, dict) else None
        if name is None:
            shown = wanted.get("name", wanted.get("id")) if isinstance(wanted, dict) else wanted
            raise refusal(404, f"No issue link type with name '{shown}' found.")
        inward, outward = (self._linked(body.get(side)) for side in ("inwardIssue", "outwardIssue"))
        if inward.id == outward.id:
            raise refusal(400, "You cannot link an issue to itself.")
        self._store.link(name, inward, outward, request.origin(body))
        return Answer(201)

    def _linked(self, reference: Any) -> Ticket:
        wanted = reference.get("key", reference.get("id")) if isinstance(reference, dict) else None
        if not isinstance(wanted, str):
            raise refusal(400, "Give inwardIssue and outwardIssue, each by key or id.")
        ticket = self._store.ticket(wanted)
        if ticket is None:
            raise refusal(404, NO_TICKET)
        return ticket

    def link_types(self, request: Request) -> Answer:
        """GET issueLinkType."""
        views = self._views(request)
        return json_answer({"issueLinkTypes": [views.link_type(name) for name in LINK_TYPES]})

    def remote_links(self, request: Request) -> Answer:
        """GET remotelink: a list, or with ?globalId= one link."""
        ticket = self._ticket(request)
        url = self._views(request).url
        links = [
            {**kept, "self": url(f"issue/{ticket.id}/remotelink/{kept['id']}")}
            for kept in self._store.remote_links(ticket)
        ]
        wanted = request.first("globalId")
        if not wanted:
            return json_answer(links)
        for link in links:
            if link.get("globalId") == wanted:
                return json_answer(link)
        raise refusal(404, f"The remote link with the given globalId '{wanted}' does not exist.")

    def put_remote_link(self, request: Request) -> Answer:
        """POST remotelink: 201 for a new link, 200 when one with this globalId is replaced."""
        ticket = self._ticket(request)
        body = request.json_object()
        target = body.get("object")
        if not isinstance(target, dict):
            raise refusal(400, errors={"object": "'object' is required."})
        errors = {name: f"'{name}' is required." for name in ("title", "url") if not isinstance(target.get(name), str)}
        if errors:
            raise refusal(400, errors=errors)
        known: Json = {
            name: body[name] for name in ("globalId", "application", "relationship", "object") if name in body
        }
        link_id, new = self._store.put_remote_link(ticket, known, request.origin(body))
        url = self._views(request).url(f"issue/{ticket.id}/remotelink/{link_id}")
        return json_answer({"id": link_id, "self": url}, 201 if new else 200)

    # -- work on a ticket ----------------------------------------------------------------------------------------

    def transitions(self, request: Request) -> Answer:
        """GET transitions: those open in the ticket's status."""
        shown = self._views(request).transitions(self._ticket(request))
        wanted = request.first("transitionId")
        shown = [one for one in shown if not wanted or one["id"] == wanted]
        return json_answer({"expand": "transitions", "transitions": shown})

    def transition(self, request: Request) -> Answer:
        """POST transitions: 204, or 400 when the transition is not open."""
        ticket = self._ticket(request)
        body = request.json_object()
        wanted = body.get("transition")
        identifier = wanted.get("id") if isinstance(wanted, dict) else None
        if not isinstance(identifier, str):
            raise refusal(400, "Missing 'transition' identifier")
        for known, _, target in TRANSITIONS[ticket.status]:
            if known == identifier and self._store.move(ticket, target, request.origin(body)):
                return Answer(204)
        message = "It seems that you have tried to perform an illegal workflow operation."
        raise refusal(400, f"{message} '{identifier}' is not open in status '{ticket.status}'.")

    def comments(self, request: Request) -> Answer:
        """GET comment: one page of a ticket's comments."""
        ticket = self._ticket(request)
        kept = self._store.comments(ticket)
        asked = {name: values[0] for name, values in request.query.items()}
        start = bounded(asked, "startAt", 0, 10**9, least=0)
        size = bounded(asked, "maxResults", LARGEST_PAGE, LARGEST_PAGE, least=0)
        views = self._views(request)
        shown = [views.comment(ticket, comment) for comment in kept[start : start + size]]
        return json_answer({"startAt": start, "maxResults": size, "total": len(kept), "comments": shown})

    def add_comment(self, request: Request) -> Answer:
        """POST comment: 201 with the comment."""
        ticket = self._ticket(request)
        body = request.json_object()
        try:
            text = rich_text(body.get("body"), _version(request))
        except ValueError as error:
            raise refusal(400, errors={"comment": str(error)}) from error
        if not text:
            raise refusal(400, errors={"comment": "Comment body can not be empty!"})
        kept = self._store.add_comment(ticket, text, request.origin(body))
        return json_answer(self._views(request).comment(ticket, kept), 201)

    # -- what there is -------------------------------------------------------------------------------------------

    def issue_types(self, request: Request) -> Answer:
        """GET createmeta/{project}/issuetypes."""
        if not self._has_project(request.params["project"]):
            raise refusal(400, f"No project could be found with key '{request.params['project']}'.")
        views = self._views(request)
        types = [views.issue_type(name) for name in ISSUE_TYPES.values()]
        member = "values" if self._prefix else "issueTypes"
        return json_answer({"startAt": 0, "maxResults": 50, "total": len(types), member: types})

    def fields_of_type(self, request: Request) -> Answer:
        """GET createmeta/{project}/issuetypes/{id}: the fields that a ticket of this type may have, page by page."""
        if not self._has_project(request.params["project"]) or request.params["type"] not in ISSUE_TYPES:
            raise refusal(400, "No project or issue type could be found.")
        has_epic_link = _version(request) == "2"
        found = jira_kinds.system_fields() + [
            jira_kinds.described(identifier, kind)
            for identifier, kind in jira_kinds.KINDS.items()
            if has_epic_link or identifier != jira_kinds.EPIC_LINK
        ]
        asked = {name: values[0] for name, values in request.query.items()}
        start = bounded(asked, "startAt", 0, 10**9, least=0)
        size = bounded(asked, "maxResults", 50, 200)
        member = "values" if self._prefix else "fields"
        page = {"startAt": start, "maxResults": size, "total": len(found), member: found[start : start + size]}
        return json_answer(page)

    def fields(self, request: Request) -> Answer:
        """GET field: all fields that there are."""
        own = [
            {"id": one["fieldId"], "key": one["key"], "name": one["name"], "custom": False}
            for one in jira_kinds.system_fields()
        ]
        custom = [
            {
                "id": identifier,
                "key": identifier,
                "name": kind.name,
                "custom": True,
                "schema": jira_kinds.described(identifier, kind)["schema"],
            }
            for identifier, kind in jira_kinds.KINDS.items()
        ]
        return json_answer(own + custom)

    def project(self, request: Request) -> Answer:
        """GET project/{key}: any key of the right form exists, but for the configured ones."""
        key = request.params["project"]
        if not self._has_project(key):
            raise refusal(404, f"No project could be found with key '{key}'.")
        views = self._views(request)
        types = [views.issue_type(name) for name in ISSUE_TYPES.values()]
        more = {"projectTypeKey": "software", "simplified": False, "style": "classic", "isPrivate": False}
        return json_answer({**views.project_reference(key), "lead": views.user(), "issueTypes": types, **more})

    def priorities(self, request: Request) -> Answer:
        """GET priority/search: all of them on one page."""
        views = self._views(request)
        values = [views.priority(name) | {"isDefault": name == "Medium"} for name in PRIORITIES.values()]
        return json_answer({"startAt": 0, "maxResults": 50, "total": len(values), "isLast": True, "values": values})

    def myself(self, request: Request) -> Answer:
        """GET myself."""
        return json_answer(self._views(request).user())

    def server_info(self, request: Request) -> Answer:
        """GET serverInfo: an instance that says it is a sandbox."""
        cloud = {"version": "1001.0.0-SNAPSHOT", "versionNumbers": [1001, 0, 0], "deploymentType": "Cloud"}
        data_center = {"version": "9.12.0", "versionNumbers": [9, 12, 0], "deploymentType": "Server"}
        version = data_center if self._prefix else cloud
        moment = jira_time(clock.now().timestamp())
        names = {"baseUrl": request.base_url + self._prefix, "serverTime": moment, "serverTitle": "PAO sandbox"}
        return json_answer({**version, **names, "buildNumber": 100000})


def _authenticated(handler: Callable[[Request], Answer]) -> Callable[[Request], Answer]:
    def serve(request: Request) -> Answer:
        if not CREDENTIALS.fullmatch(request.headers.get("authorization", "").strip()):
            message = "Client must be authenticated to access this resource."
            raise Refusal(401, {"errorMessages": [message], "errors": {}}, {"WWW-Authenticate": 'Basic realm="JIRA"'})
        return handler(request)

    return serve


def _version(request: Request) -> str:
    return request.params.get("version", "2")


def _link_type(wanted: Json) -> str | None:
    for name, (identifier, _, _) in LINK_TYPES.items():
        if wanted.get("id") == identifier or str(wanted.get("name", "")).lower() == name.lower():
            return name
    return None
