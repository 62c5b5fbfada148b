"""The action type `jira-ticket`: one ticket, linked to the tickets of what it depends on.

It is done when JIRA has confirmed the ticket and its links; work in JIRA is not awaited (R37). The ticket carries a
label made from the task's id, and is looked for by it before it is ever created a second time (R39).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from fulfillment.actions import config as read
from fulfillment.actions.protocol import Call, Context, Outcome, Reference, Status, Verdict
from pao.clients import jira
from pao.clients.jira import Issue, JiraClient
from pao.clients.jira_text import RichText, TextRun, one_line
from pao.clients.redaction import masked_body
from pao.core.errors import ActionFailed, Misconfigured, OutcomeUnknown, PaoError

TYPE = "jira-ticket"
INSTANCE = "default"
CREATE = "create"
LINK = "link:"
PRIORITIES = {"critical": "Highest", "high": "High", "medium": "Medium", "low": "Low"}
_TICKET_KEYS = frozenset(
    {
        "project",
        "issueType",
        "summary",
        "description",
        "priority",
        "labels",
        "components",
        "epicKey",
        "assignee",
        "customFields",
        "instance",
    }
)


@dataclass(frozen=True)
class Ticket:
    """What a document asks for, rendered."""

    project: str
    summary: str
    description: RichText = ()
    issue_type: str = ""
    priority: str = "Medium"
    labels: tuple[str, ...] = ()
    components: tuple[str, ...] = ()
    epic_key: str = ""
    assignee: str = ""
    custom_fields: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "Ticket":
        """Read the rendered config; raises `ActionFailed` (code INVALID_CONFIG) that names what cannot be used."""
        read.known_keys(config, "", frozenset({"ticket"}))
        ticket = read.section(config, "ticket", required=True)
        read.known_keys(ticket, "ticket", _TICKET_KEYS)
        if read.text(ticket, "ticket.instance", default=INSTANCE) != INSTANCE:
            raise read.invalid("ticket.instance", f"must be {INSTANCE!r} or absent: PAO knows one JIRA instance")
        return cls(
            project=read.text(ticket, "ticket.project"),
            summary=one_line(read.text(ticket, "ticket.summary")),
            description=_runs(ticket.get("description")),
            issue_type=read.text(ticket, "ticket.issueType", default=""),
            priority=_priority(read.text(ticket, "ticket.priority", default="Medium")),
            labels=read.texts(ticket, "ticket.labels"),
            components=read.texts(ticket, "ticket.components"),
            epic_key=read.text(ticket, "ticket.epicKey", default=""),
            assignee=read.text(ticket, "ticket.assignee", default=""),
            custom_fields=read.section(ticket, "ticket.customFields"),
        )


class JiraTicket:
    """Creates tickets; `client` gives the JIRA instance, by default the one of the settings."""

    type: ClassVar[str] = TYPE

    def __init__(self, client: Callable[[], JiraClient] = jira.from_settings) -> None:
        self._connect = client

    def plan(self, config: Mapping[str, Any], context: Context) -> tuple[Call, ...]:
        """Return the creation and the links that `run` would make; asks JIRA nothing."""
        ticket = Ticket.from_config(config)
        client = self._client()
        fields = _fields(ticket, context, client)
        note = f"below the epic {ticket.epic_key}" if ticket.epic_key else ""
        create = Call("POST", f"{client.url}/rest/api/{client.api_version}/issue", {"fields": fields}, note=note)
        links = (
            Call("POST", f"{client.url}/rest/api/{client.api_version}/issueLink", note=f"{blocker.key} blocks this")
            for blocker in _blockers(context)
        )
        return (create, *links)

    def run(self, config: Mapping[str, Any], context: Context) -> Outcome:
        """Create the ticket unless it exists, then every link that is missing (R38).

        Raises `CallRefused` with JIRA's words, `ConnectFailed`, `OutcomeUnknown`; `ActionFailed` with code LINK_FAILED,
        and the ticket under `references`, when the ticket exists and a link does not.
        """
        ticket = Ticket.from_config(config)
        client = self._client()
        known = context.journal.result_of(CREATE)
        issue = _issue(known) if known else self._found_or_created(client, ticket, context)
        _link(client, issue, context)
        return _outcome(issue)

    def reconcile(self, config: Mapping[str, Any], context: Context, step: str) -> Verdict:
        """Look for the ticket by its label; one is adopted, none proves nothing (F47). A link may be sent again."""
        del config
        if step.startswith(LINK):
            return Verdict("not_done", "Linking twice is harmless, so the link may be sent again.")
        try:
            found = self._client().find_by_label(context.marker, not_after=context.deadline)
        except PaoError as error:
            return Verdict("unknown", f"JIRA could not be asked for the label {context.marker}: {error.message}")
        if len(found) == 1:
            evidence = f"JIRA has {found[0]['key']} with the label {context.marker}: {found[0]['url']}."
            return Verdict("done", evidence, _outcome(found[0]))
        if found:
            return Verdict("unknown", _several(found, context))
        return Verdict(
            "unknown",
            f"JIRA shows no ticket with the label {context.marker} now. That is inconclusive: its index may lag.",
        )

    def status(self, reference: Reference) -> Status:
        """Ask JIRA how the ticket stands; `unknown` with the reason when it cannot say (R47)."""
        if reference.instance not in {"", INSTANCE}:
            return Status("unknown", f"PAO knows no JIRA instance {reference.instance!r}.")
        try:
            delivery = self._client().delivery_of(reference.key)
        except PaoError as error:
            return Status("unknown", error.message)
        return Status(delivery.delivery, delivery.words)

    def _client(self) -> JiraClient:
        try:
            return self._connect()
        except Misconfigured as error:
            raise ActionFailed(error.message, code="JIRA_NOT_CONFIGURED") from error

    def _found_or_created(self, client: JiraClient, ticket: Ticket, context: Context) -> Issue:
        if context.attempt > 1 and (found := client.find_by_label(context.marker, not_after=context.deadline)):
            return _adopted(found, context)
        fields = _fields(ticket, context, client)
        if ticket.epic_key:
            fields |= client.epic_fields(ticket.epic_key, not_after=context.deadline)
        context.journal.intend(
            CREATE, f"create a ticket in {ticket.project}: {ticket.summary}", {"fields": masked_body(fields)}
        )
        try:
            issue = client.create_issue(fields, not_after=context.deadline)
        except OutcomeUnknown as error:
            raise OutcomeUnknown(error.message, **{**error.facts, "marker": context.marker}) from error
        context.journal.done(CREATE, dict(issue))
        context.journal.note(f"JIRA created {issue['key']}", url=issue["url"])
        return issue


def _adopted(found: list[Issue], context: Context) -> Issue:
    """Return the ticket that an earlier attempt made, and record it as this task's."""
    if len(found) > 1:
        raise OutcomeUnknown(_several(found, context), marker=context.marker, found=[issue["url"] for issue in found])
    context.journal.done(CREATE, dict(found[0]))
    context.journal.note(f"An earlier attempt had created {found[0]['key']}; it is adopted", url=found[0]["url"])
    return found[0]


def _several(found: list[Issue], context: Context) -> str:
    urls = ", ".join(issue["url"] for issue in found)
    return f"JIRA shows {len(found)} tickets with the label {context.marker}: {urls}. A person must choose one."


def _link(client: JiraClient, issue: Issue, context: Context) -> None:
    """Create the links that are missing, all that can be; raises `ActionFailed` LINK_FAILED naming the others."""
    failures: list[tuple[str, PaoError]] = []
    for blocker in _blockers(context):
        step = f"{LINK}{blocker.key}"
        if blocker.key == issue["key"] or context.journal.result_of(step) is not None:
            continue
        sent = {"blocker": blocker.key, "blocked": issue["key"]}
        context.journal.intend(step, f"link {issue['key']} as blocked by {blocker.key}", sent)
        try:
            client.link(blocker.key, issue["key"], not_after=context.deadline)
        except ActionFailed as error:
            failures.append((blocker.key, error))
            continue
        context.journal.done(step, sent)
        context.journal.note(f"{blocker.key} blocks {issue['key']}")
    if failures:
        said = "; ".join(f"{key}: {error.message}" for key, error in failures)
        raise ActionFailed(
            f"The ticket {issue['key']} exists, but it could not be linked to what blocks it. {said} "
            "A retry makes the missing links and no second ticket.",
            code="LINK_FAILED",
            references=(_reference(issue),),
            links=[key for key, _ in failures],
        )


def _blockers(context: Context) -> tuple[Reference, ...]:
    """Return the tickets to link to: those of this instance (R36, R44)."""
    return tuple(one for one in context.blocked_by if one.type == TYPE and one.instance in {"", INSTANCE})


def _fields(ticket: Ticket, context: Context, client: JiraClient) -> dict[str, Any]:
    """Return the fields of the new ticket; the document's custom fields never replace PAO's own (R6)."""
    fields = {
        **ticket.custom_fields,
        "project": {"key": ticket.project},
        "issuetype": {"name": ticket.issue_type or client.default_issue_type},
        "summary": ticket.summary,
        "description": client.rich_text(ticket.description, _footer(context)),
        "priority": {"name": ticket.priority},
        "labels": list(
            dict.fromkeys([*map(_label, ticket.labels), context.marker, f"pao-request-{context.request_id}"])
        ),
    }
    if ticket.components:
        fields["components"] = [{"name": name} for name in ticket.components]
    if ticket.assignee:
        fields["assignee"] = client.assignee(ticket.assignee)
    return fields


def _footer(context: Context) -> RichText:
    """Return what tells people where the ticket comes from, and what it waits for that JIRA cannot link (R36, R44)."""
    linked = _blockers(context)
    lines = [
        [TextRun(context.summary_of_request)] if context.summary_of_request else [],
        [TextRun(f"Request {context.request_id} · correlation id {context.correlation_id}")],
        [TextRun("Follow it: ", trusted=True), TextRun(context.tracking_url, trusted=True, href=context.tracking_url)]
        if context.tracking_url
        else [],
        *([TextRun(f"Depends on {one.url or one.key}")] for one in context.blocked_by if one not in linked),
    ]
    runs = [TextRun("\n\nCreated by PAO.", trusted=True)]
    for line in filter(None, lines):
        runs += [TextRun("\n", trusted=True), *line]
    return runs


def _runs(description: Any) -> RichText:
    if description is None:
        return ()
    if isinstance(description, str):
        return (TextRun(description),)
    if not isinstance(description, list | tuple) or not all(isinstance(run, TextRun) for run in description):
        raise read.invalid("ticket.description", "must be text")
    return tuple(description)


def _priority(name: str) -> str:
    if name.lower() not in PRIORITIES:
        raise read.invalid("ticket.priority", f"is {name!r}; it must be Critical, High, Medium or Low")
    return PRIORITIES[name.lower()]


def _label(text: str) -> str:
    """Return a label that JIRA takes: without white space, at most 255 characters (B56)."""
    return "-".join(text.split())[:255]


def _issue(stored: Mapping[str, Any]) -> Issue:
    return Issue(key=str(stored["key"]), id=str(stored["id"]), url=str(stored["url"]))


def _reference(issue: Issue) -> Reference:
    return Reference(type=TYPE, key=issue["key"], url=issue["url"], instance=INSTANCE)


def _outcome(issue: Issue) -> Outcome:
    return Outcome(result=dict(issue), references=(_reference(issue),))
