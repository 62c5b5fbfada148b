"""Action types are found by name."""

import pytest

from fulfillment.actions.registry import ACTION_TYPES, action_type
from pao.core.errors import ActionFailed


@pytest.mark.parametrize("name", sorted(ACTION_TYPES))
def test_a_type_is_registered_under_its_own_name(name: str) -> None:
    assert action_type(name).type == name


def test_an_unknown_type_names_the_known_ones() -> None:
    with pytest.raises(ActionFailed, match=r"git-commit, .*jira-ticket, rest-api") as failed:
        action_type("fax")
    assert failed.value.facts["code"] == "UNKNOWN_ACTION_TYPE"
