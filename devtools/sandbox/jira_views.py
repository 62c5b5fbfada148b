"""How JIRA shows what it keeps: the JSON of tickets, links, types, people, in REST versions 2 and 3."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from devtools.sandbox import adf
from devtools.sandbox.jira_fields import CUSTOM_FIELD, ISSUE_TYPES, PRIORITIES
from devtools.sandbox.store import Store, Ticket
from devtools.sandbox.web import Json

STATUSES = {
    "To Do": {"id": "10000", "category": (2, "new", "To Do", "blue-gray")},
    "In Progress": {"id": "3", "category": (4, "indeterminate", "In Progress", "yellow")},
    "Done": {"id": "10001", "category": (3, "done", "Done", "green")},
    "Declined": {"id": "10002", "category": (3, "done", "Done", "green")},
}
RESOLUTIONS = {"Done": {"id": "10000", "name": "Done"}, "Declined": {"id": "10001", "name": "Won't Do"}}
# status → (transition id, name, next status)
TRANSITIONS = {
    "To Do": (("21", "Start work", "In Progress"), ("41", "Decline", "Declined")),
    "In Progress": (("31", "Finish", "Done"), ("41", "Decline", "Declined")),
    "Done": (),
    "Declined": (),
}
# name → (id, the inward label, the outward label)
LINK_TYPES = {
    "Blocks": ("10000", "is blocked by", "blocks"),
    "Cloners": ("10001", "is cloned by", "clones"),
    "Duplicate": ("10002", "is duplicated by", "duplicates"),
    "Relates": ("10003", "relates to", "relates to"),
}
ACCOUNT = "5b10ac8d82e05b22cc7d4ef5"


def jira_time(seconds: float) -> str:
    """Return a moment as JIRA writes it, such as 2026-01-31T09:30:00.000+0000."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "+0000")


class Views:
    """Shows things under one base URL and REST version."""

    def __init__(self, store: Store, base_url: str, version: str) -> None:
        self._store = store
        self._base_url = base_url
        self._version = version

    def url(self, path: str) -> str:
        """Return the address of a resource of this REST version."""
        return f"{self._base_url}/rest/api/{self._version}/{path}"

    def created(self, ticket: Ticket) -> Json:
        """Return what the create call answers."""
        return {"id": str(ticket.id), "key": ticket.key, "self": self.url(f"issue/{ticket.id}")}

    def issue(self, ticket: Ticket, wanted: Iterable[str]) -> Json:
        """Return a ticket with the wanted fields: names, *all, *navigable, or -name to leave one out."""
        names = list(wanted)
        everything = {"*all", "*navigable"} & set(names) or not [name for name in names if not name.startswith("-")]
        fields = self._fields(ticket)
        if not everything:
            fields = {name: value for name, value in fields.items() if name in names}
        fields = {name: value for name, value in fields.items() if f"-{name}" not in names}
        return {"expand": "renderedFields,names,schema,operations", **self.created(ticket), "fields": fields}

    def rich_text(self, kept: Any) -> Any:
        """Return a kept description or comment in the form of this version."""
        if kept is None or isinstance(kept, dict) == (self._version == "3"):
            return kept
        return adf.to_text(kept) if isinstance(kept, dict) else adf.from_text(kept)

    def _fields(self, ticket: Ticket) -> Json:
        kept = ticket.fields
        parent = self._store.ticket(kept["parent"]) if "parent" in kept else None
        return {
            "summary": kept["summary"],
            "description": self.rich_text(kept.get("description") or None),
            "issuetype": self.issue_type(kept["issuetype"]),
            "project": self.project_reference(ticket.project),
            "status": self.status(ticket.status),
            "priority": self.priority(kept["priority"]),
            "labels": kept["labels"],
            "components": [{"name": name} for name in kept["components"]],
            "created": jira_time(ticket.created),
            "updated": jira_time(ticket.updated),
            "resolution": RESOLUTIONS.get(ticket.status),
            "resolutiondate": jira_time(ticket.updated) if ticket.status in RESOLUTIONS else None,
            "duedate": kept.get("duedate"),
            "assignee": self._person(kept["assignee"]) if "assignee" in kept else None,
            "reporter": self._person(kept["reporter"]) if "reporter" in kept else self.user(),
            "issuelinks": self.links(ticket),
            **({"parent": self._linked(parent)} if parent else {}),
            **{name: value for name, value in kept.items() if CUSTOM_FIELD.fullmatch(name)},
        }

    def links(self, ticket: Ticket) -> list[Json]:
        """Return the links as JIRA reads them back: each shows the *other* ticket, inward when that one blocks."""
        shown = []
        for link in self._store.links(ticket):
            side, other_id = (
                ("outwardIssue", link.outward) if link.inward == ticket.id else ("inwardIssue", link.inward)
            )
            other = self._store.ticket(str(other_id))
            if other is not None:
                entry = {
                    "id": str(link.id),
                    "self": self.url(f"issueLink/{link.id}"),
                    "type": self.link_type(link.type),
                }
                shown.append({**entry, side: self._linked(other)})
        return shown

    def _linked(self, ticket: Ticket) -> Json:
        fields = {
            "summary": ticket.fields["summary"],
            "status": self.status(ticket.status),
            "priority": self.priority(ticket.fields["priority"]),
            "issuetype": self.issue_type(ticket.fields["issuetype"]),
        }
        return {**self.created(ticket), "fields": fields}

    def status(self, name: str) -> Json:
        """Return a status with its category."""
        number, key, title, colour = STATUSES[name]["category"]
        category = {
            "self": self.url(f"statuscategory/{number}"),
            "id": number,
            "key": key,
            "name": title,
            "colorName": colour,
        }
        identifier = STATUSES[name]["id"]
        return {
            "self": self.url(f"status/{identifier}"),
            "id": identifier,
            "name": name,
            "description": "",
            "iconUrl": f"{self._base_url}/images/icons/statuses/generic.png",
            "statusCategory": category,
        }

    def issue_type(self, name: str) -> Json:
        """Return an issue type."""
        identifier = next(key for key, value in ISSUE_TYPES.items() if value == name)
        return {
            "self": self.url(f"issuetype/{identifier}"),
            "id": identifier,
            "name": name,
            "description": f"{name} of the sandbox",
            "iconUrl": f"{self._base_url}/images/icons/issuetypes/generic.png",
            "subtask": False,
            "hierarchyLevel": 1 if name == "Epic" else 0,
        }

    def priority(self, name: str) -> Json:
        """Return a priority."""
        identifier = next(key for key, value in PRIORITIES.items() if value == name)
        return {
            "self": self.url(f"priority/{identifier}"),
            "id": identifier,
            "name": name,
            "iconUrl": f"{self._base_url}/images/icons/priorities/{name.lower()}.svg",
        }

    def link_type(self, name: str) -> Json:
        """Return a link type with its two labels."""
        identifier, inward, outward = LINK_TYPES[name]
        url = self.url(f"issueLinkType/{identifier}")
        return {"id": identifier, "name": name, "inward": inward, "outward": outward, "self": url}

    def transitions(self, ticket: Ticket) -> list[Json]:
        """Return the transitions that are open to a ticket."""
        return [
            {
                "id": identifier,
                "name": name,
                "to": self.status(target),
                "hasScreen": False,
                "isGlobal": False,
                "isInitial": False,
                "isAvailable": True,
                "isConditional": False,
                "looped": False,
            }
            for identifier, name, target in TRANSITIONS[ticket.status]
        ]

    def comment(self, ticket: Ticket, kept: Json) -> Json:
        """Return a comment of a ticket."""
        moment = jira_time(kept["created"])
        return {
            "self": self.url(f"issue/{ticket.id}/comment/{kept['id']}"),
            "id": str(kept["id"]),
            "author": self.user(),
            "updateAuthor": self.user(),
            "body": self.rich_text(kept["body"]),
            "created": moment,
            "updated": moment,
        }

    def project_reference(self, key: str) -> Json:
        """Return a project in short."""
        identifier = str(self._store.project_id(key))
        return {"self": self.url(f"project/{identifier}"), "id": identifier, "key": key, "name": f"{key} (sandbox)"}

    def user(self) -> Json:
        """Return the one user of the sandbox."""
        return self._person(ACCOUNT) | {"displayName": "PAO service account"}

    def _person(self, name: str) -> Json:
        return {
            "self": self.url(f"user?accountId={name}"),
            "accountId": name,
            "accountType": "atlassian",
            "displayName": name,
            "active": True,
            "timeZone": "Etc/UTC",
        }
