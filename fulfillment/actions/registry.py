"""Every action type, one line each. A new one is a file here, a schema in the catalog, and a line in this table."""

from collections.abc import Mapping

from fulfillment.actions.git_commit import GitCommit
from fulfillment.actions.jira_ticket import JiraTicket
from fulfillment.actions.protocol import ActionType
from fulfillment.actions.rest_api import RestApi
from pao.core.errors import ActionFailed

ACTION_TYPES: Mapping[str, ActionType] = {
    GitCommit.type: GitCommit(),
    JiraTicket.type: JiraTicket(),
    RestApi.type: RestApi(),
}


def action_type(name: str) -> ActionType:
    """Return the action type of that name; raises `ActionFailed` (code UNKNOWN_ACTION_TYPE) with the known ones."""
    found = ACTION_TYPES.get(name)
    if found is None:
        known = ", ".join(sorted(ACTION_TYPES))
        raise ActionFailed(
            f"This PAO has no action type {name!r}; it knows {known}. Nothing was called.", code="UNKNOWN_ACTION_TYPE"
        )
    return found
