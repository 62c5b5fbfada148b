"""Which items this PAO can perform: by the action types of the way that is taken, and nothing else."""

from dataclasses import replace
from typing import Any

import pytest

from catalog.domain.documents import document_from
from catalog.domain.performing import why_not
from catalog.domain.schemas import schemas
from tests.factories import bundle, item, rest, ticket

ONE = "Its action type {} is checked but not carried out by this version of PAO."
TWO = "Its action types {} are checked but not carried out by this version of PAO."

WISH = "Its {} checked but not carried out by this version of PAO."
POLLING = rest() | {"config": rest()["config"] | {"poll": {"until": "body.done"}}}


def orchestrated(**wishes: Any) -> dict[str, Any]:
    """Return a bundle with wishes of orchestration."""
    made = bundle(components={"app": ()})
    made["fulfillment"]["orchestration"] |= wishes
    return made


@pytest.mark.parametrize(
    ("definition", "carried_out", "reason", "reason_when_forced"),
    [
        (item(), ("jira-ticket",), "", ""),
        (item(), (), ONE.format("jira-ticket"), ONE.format("jira-ticket")),
        (item(mode="automatic", actions=[rest()]), ("jira-ticket", "rest-api"), "", ""),
        (item(mode="automatic", actions=[rest()]), ("jira-ticket",), ONE.format("rest-api"), ""),
        (item(mode="automatic", actions=[rest()]), ("rest-api",), "", ONE.format("jira-ticket")),
        (item(mode="automatic", actions=[ticket(), rest(), rest()]), ("x",), TWO.format("jira-ticket, rest-api"), None),
        (bundle(components={"app": ()}), (), "", ""),  # its items decide
        (item(mode="automatic", actions=[POLLING]), ("jira-ticket", "rest-api"), "", ""),
        (orchestrated(onFailure="rollback"), (), WISH.format("`onFailure: rollback` is"), None),
        (orchestrated(jiraLinking={"parentTicket": True}), (), WISH.format("`parentTicket` is"), None),
        (
            orchestrated(onFailure="rollback", jiraLinking={"parentTicket": True}),
            (),
            WISH.format("`onFailure: rollback` and `parentTicket` are"),
            None,
        ),
    ],
    ids=[
        *("a ticket", "nothing", "both", "no automation", "no tickets", "two types", "a bundle"),
        *("a poll", "a rollback", "a parent ticket", "both wishes"),
    ],
)
def test_an_item_is_performed_when_every_action_type_of_its_way_is(
    definition: dict[str, Any], carried_out: tuple[str, ...], reason: str, reason_when_forced: str | None
) -> None:
    known = replace(schemas(), carried_out=carried_out)
    document = document_from(definition)
    assert why_not(document, known, force_manual=False) == reason
    if reason_when_forced is not None:
        assert why_not(document, known, force_manual=True) == reason_when_forced
