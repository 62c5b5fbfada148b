"""The action type `jira-ticket`: one ticket, linked to the tickets of what it depends on.

It is done when JIRA has confirmed the ticket and its links; work in JIRA is not awaited (R37). The ticket carries a
label made from the task's id, and is looked for by it before it is ever created a second time (R39).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from fulfillment.actions import config as read
from fulfillment.actions.jira_links import LINK, blockers, link, planned
from fulfillment.actions.protocol import Call, Context, Outcome, Reference, Status, Verdict
from pao.clients import jira_fields, jira_instances
from pao.clients.jira import Issue, JiraClient
from pao.clients.jira_createmeta import fields_of
from pao.clients.jira_text import RichText, TextRun, one_line
from pao.clients.redaction import masked_body
from pao.core.errors import ActionFailed, Misconfigured, OutcomeUnknown, PaoError
from pao.settings_jira import DEFAULT

TYPE = "jira-ticket"
CREATE = "create"
UNTOLD = "This JIRA does not tell the kinds of its fields: custom fields were sent as the document has them."
LATER = "custom fields take the form that JIRA asks for when the ticket is made"
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
    instance: str = DEFAULT

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "Ticket":
        """Read the rendered config; raises `ActionFailed` (code INVALID_CONFIG) that names what cannot be used."""
        read.known_keys(config, "", frozenset({"ticket"}))
        ticket = read.section(config, "ticket", required=True)
        read.known_keys(ticket, "ticket", _TICKET_KEYS)
        project = read.text(ticket, "ticket.project")
        return cls(
            instance=jira_instances.name_for(
                instance=read.text(ticket, "ticket.instance", default=""), project=project
            ),
            project=project,
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
    """Creates tickets; `client` gives a JIRA instance by its name, by default those of the settings."""

    type: ClassVar[str] = TYPE

    def __init__(self, client: Callable[[str], JiraClient] = jira_instances.client_of) -> None:
        self._connect = client

    def plan(self, config: Mapping[str, Any], context: Context) -> tuple[Call, ...]:
        """Return the creation and the links that `run` would make; asks JIRA nothing."""
        ticket = Ticket.from_config(config)
        client = self._client(ticket.instance)
        kinds = fields_of.remembered(client.connection, ticket.project, _type(ticket, client))
        if kinds is None or not jira_fields.knows(kinds, [*ticket.custom_fields]):
            custom, notes = jira_fields.as_given(ticket.custom_fields), [LATER] if ticket.custom_fields else []
        else:
            custom, notes = jira_fields.written(ticket.custom_fields, kinds, api_version=client.api_version), []
        fields = _fields(ticket, context, client, custom)
        notes = [f"below the epic {ticket.epic_key}", *notes] if ticket.epic_key else notes
        url = f"{client.url}/rest/api/{client.api_version}/issue"
        return (Call("POST", url, {"fields": fields}, note="; ".join(notes)), *planned(client, context))

    def run(self, config: Mapping[str, Any], context: Context) -> Outcome:
        """Create the ticket unless it exists, then every link that is missing (R38).

        Raises `CallRefused` with JIRA's words, `ConnectFailed`, `OutcomeUnknown`; `ActionFailed` with code LINK_FAILED,
        and the ticket under `references`, when the ticket exists and a link does not.
        """
        ticket = Ticket.from_config(config)
        warnings: list[str] = []
        known = context.journal.result_of(CREATE)
        # Where it was made it is, also when tickets of its project go elsewhere by now.
        client = self._client(str(known.get("instance") or ticket.instance) if known else ticket.instance)
        issue = _issue(known) if known else self._found_or_created(client, ticket, context, warnings)
        reference = _reference(issue, client.instance)
        link(client, reference, context)
        return Outcome(result=dict(issue), references=(reference,), warnings=tuple(warnings))

    def reconcile(self, config: Mapping[str, Any], context: Context, step: str) -> Verdict:
        """Look for the ticket by its label; one is adopted, none proves nothing (F47). A link may be sent again."""
        if step.startswith(LINK):
            return Verdict("not_done", "Linking twice is harmless, so the link may be sent again.")
        try:
            client = self._client(Ticket.from_config(config).instance)
            found = client.find_by_label(context.marker, not_after=context.deadline)
        except PaoError as error:
            return Verdict("unknown", f"JIRA could not be asked for the label {context.marker}: {error.message}")
        if len(found) == 1:
            evidence = f"JIRA has {found[0]['key']} with the label {context.marker}: {found[0]['url']}."
            made = {**found[0], "instance": client.instance}
            return Verdict("done", evidence, Outcome(made, (_reference(found[0], client.instance),)))
        if found:
            return Verdict("unknown", _several(found, context))
        return Verdict(
            "unknown",
            f"JIRA shows no ticket with the label {context.marker} now. That is inconclusive: its index may lag.",
        )

    def status(self, reference: Reference) -> Status:
        """Ask JIRA how the ticket stands; `unknown` with the reason when it cannot say (R47)."""
        try:
            delivery = self._client(reference.instance or DEFAULT).delivery_of(reference.key)
        except PaoError as error:
            return Status("unknown", error.message)
        return Status(delivery.delivery, delivery.words)

    def _client(self, instance: str) -> JiraClient:
        try:
            return self._connect(instance)
        except Misconfigured as error:
            if "instance" in error.facts:
                raise read.invalid("ticket.instance", f"is {instance!r}: {error.message}") from error
            raise ActionFailed(error.message, code="JIRA_NOT_CONFIGURED") from error

    def _found_or_created(self, client: JiraClient, ticket: Ticket, context: Context, warnings: list[str]) -> Issue:
        if context.attempt > 1 and (found := client.find_by_label(context.marker, not_after=context.deadline)):
            return _adopted(found, client.instance, context)
        fields = _fields(ticket, context, client, _custom_fields(ticket, client, context, warnings))
        if ticket.epic_key:
            fields |= client.epic_fields(ticket.epic_key, not_after=context.deadline)
        context.journal.intend(
            CREATE, f"create a ticket in {ticket.project}: {ticket.summary}", {"fields": masked_body(fields)}
        )
        try:
            issue = client.create_issue(fields, not_after=context.deadline)
        except OutcomeUnknown as error:
            raise OutcomeUnknown(error.message, **{**error.facts, "marker": context.marker}) from error
        context.journal.done(CREATE, {**issue, "instance": client.instance})
        context.journal.note(f"JIRA created {issue['key']}", url=issue["url"])
        return issue


def _custom_fields(ticket: Ticket, client: JiraClient, context: Context, warnings: list[str]) -> dict[str, Any]:
    """Return the document's custom fields in the form of their kinds, of which JIRA is asked only when there are some.

    Raises `ActionFailed` (code INVALID_FIELD) for what cannot be set.
    """
    if not ticket.custom_fields:
        return {}
    kinds = fields_of.fields(
        client.connection,
        ticket.project,
        _type(ticket, client),
        needed=[*ticket.custom_fields],
        not_after=context.deadline,
    )
    if kinds is None:
        warnings.append(UNTOLD)
        return jira_fields.as_given(ticket.custom_fields)
    return jira_fields.written(ticket.custom_fields, kinds, api_version=client.api_version)


def _type(ticket: Ticket, client: JiraClient) -> str:
    return ticket.issue_type or client.default_issue_type


def _adopted(found: list[Issue], instance: str, context: Context) -> Issue:
    """Return the ticket that an earlier attempt made, and record it as this task's."""
    if len(found) > 1:
        raise OutcomeUnknown(_several(found, context), marker=context.marker, found=[issue["url"] for issue in found])
    context.journal.done(CREATE, {**found[0], "instance": instance})
    context.journal.note(f"An earlier attempt had created {found[0]['key']}; it is adopted", url=found[0]["url"])
    return found[0]


def _several(found: list[Issue], context: Context) -> str:
    urls = ", ".join(issue["url"] for issue in found)
    return f"JIRA shows {len(found)} tickets with the label {context.marker}: {urls}. A person must choose one."


def _fields(ticket: Ticket, context: Context, client: JiraClient, custom: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of the new ticket; the document's custom fields never replace PAO's own (R6)."""
    fields = {
        **custom,
        "project": {"key": ticket.project},
        "issuetype": {"name": _type(ticket, client)},
        "summary": ticket.summary,
        "description": client.rich_text(ticket.description, _footer(context, client.instance)),
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


def _footer(context: Context, instance: str) -> RichText:
    """Return what tells people where the ticket comes from, and what it waits for that JIRA cannot link (R36, R44)."""
    linked = [one for one in blockers(context) if (one.instance or DEFAULT) == instance]
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


def _reference(issue: Issue, instance: str) -> Reference:
    return Reference(type=TYPE, key=issue["key"], url=issue["url"], instance=instance)
