"""What the contract offers and PAO does not carry out yet is told in both profiles, and refused in none."""

import copy
import json
from typing import Any

import pytest

from catalog.domain.checker import check
from catalog.domain.codes import Profile
from tests.factories import bundle, item, rest

ITEM = item(
    "database-small-test", mode="automatic", actions=[rest()], fields=[{"id": "size", "name": "Size", "type": "string"}]
)
BUNDLE = bundle(components={"database": (), "app": ("database",)}, item_of={"database": ITEM["metadata"]["id"]})
_ACTION = ("fulfillment", "automatic", "actions", 0)

ROWS: list[tuple[dict[str, Any], tuple[str | int, ...], Any]] = [
    (ITEM, (*_ACTION, "rollback"), []),
    (BUNDLE, ("fulfillment", "orchestration", "onFailure"), "rollback"),
    (BUNDLE, ("fulfillment", "orchestration", "jiraLinking"), {"parentTicket": True}),
]


@pytest.mark.parametrize("profile", ["strict", "relaxed"])
@pytest.mark.parametrize(("definition", "path", "value"), ROWS, ids=[str(row[1][-1]) for row in ROWS])
def test_a_member_that_is_not_carried_out_is_told(
    definition: dict[str, Any], path: tuple[str | int, ...], value: Any, profile: Profile
) -> None:
    changed = copy.deepcopy(definition)
    holder: Any = changed
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = value

    before, after = (_codes(document, profile) for document in (definition, changed))

    assert "not_supported" not in before
    assert "not_supported" in after
    assert {severity for code, severity in after.items() if code not in before} == {"warning"}


def _codes(definition: dict[str, Any], profile: Profile) -> dict[str, str]:
    folder = "bundles" if definition["kind"] == "CatalogBundle" else "catalog/databases"
    file = f"{folder}/{definition['metadata']['id']}.yaml"
    found = check({file: json.dumps(definition).encode()}, profile=profile).findings
    return {finding.code: finding.severity for finding in found}
