"""Links from a ticket to the tickets that block it (R35-R38): within an instance `Blocks`, across instances remote.

A remote link stands at the blocked ticket and leads to the blocker (R44). Either may be made twice without harm.
"""

from fulfillment.actions.protocol import Call, Context, Reference
from pao.clients.jira import JiraClient
from pao.core.errors import ActionFailed, PaoError
from pao.settings_jira import DEFAULT

TICKET = "jira-ticket"
LINK = "link:"
"""How the steps of links begin."""


def blockers(context: Context) -> tuple[Reference, ...]:
    """Return the tickets that block this one; what else it depends on cannot be linked (R36)."""
    return tuple(one for one in context.blocked_by if one.type == TICKET)


def planned(client: JiraClient, context: Context) -> tuple[Call, ...]:
    """Return the calls that `link` would make for a new ticket."""
    base = f"{client.url}/rest/api/{client.api_version}"
    return tuple(
        Call("POST", f"{base}/issueLink", note=f"{one.key} blocks this")
        if _is_here(one, client)
        else Call("POST", f"{base}/issue/‹the new ticket›/remotelink", note=f"{one.key} of {one.instance} blocks this")
        for one in blockers(context)
    )


def link(client: JiraClient, ticket: Reference, context: Context) -> None:
    """Make the links that are missing, all that can be made.

    Raises `ActionFailed` (code LINK_FAILED) that names the others; the ticket is under `references`.
    """
    failures: list[tuple[str, PaoError]] = []
    for blocker in blockers(context):
        step = _step(blocker, client)
        if _same(blocker, ticket) or not _can_be_linked(blocker, client) or context.journal.result_of(step) is not None:
            continue
        sent = {"blocker": blocker.key, "blocked": ticket.key}
        context.journal.intend(step, f"link {ticket.key} as blocked by {blocker.key}", sent)
        try:
            _make(client, blocker, ticket, context)
        except ActionFailed as error:
            failures.append((blocker.key, error))
            continue
        context.journal.done(step, sent)
        context.journal.note(f"{blocker.key} blocks {ticket.key}")
    if failures:
        said = "; ".join(f"{key}: {error.message}" for key, error in failures)
        raise ActionFailed(
            f"The ticket {ticket.key} exists, but it could not be linked to what blocks it. {said} "
            "A retry makes the missing links and no second ticket.",
            code="LINK_FAILED",
            references=(ticket,),
            next_step="Correct what JIRA names, the other ticket or PAO's permission to link, then retry.",
            links=[key for key, _ in failures],
        )


def _make(client: JiraClient, blocker: Reference, ticket: Reference, context: Context) -> None:
    if _is_here(blocker, client):
        client.link(blocker.key, ticket.key, not_after=context.deadline)
        return
    client.remote_link(
        ticket.key,
        global_id=f"pao-instance={blocker.instance or DEFAULT}&issue={blocker.key}",
        url=blocker.url,
        title=blocker.key,
        not_after=context.deadline,
    )


def _is_here(blocker: Reference, client: JiraClient) -> bool:
    return (blocker.instance or DEFAULT) == client.instance


def _can_be_linked(blocker: Reference, client: JiraClient) -> bool:
    """Whether there is something to link to: a ticket elsewhere needs its address, else the text alone names it."""
    return _is_here(blocker, client) or bool(blocker.url)


def _same(blocker: Reference, ticket: Reference) -> bool:
    return (blocker.instance or DEFAULT, blocker.key) == (ticket.instance, ticket.key)


def _step(blocker: Reference, client: JiraClient) -> str:
    return f"{LINK}{blocker.key}" if _is_here(blocker, client) else f"{LINK}{blocker.instance or DEFAULT}/{blocker.key}"
