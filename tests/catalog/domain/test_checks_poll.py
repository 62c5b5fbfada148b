"""The expressions of `poll` are read when a document is checked, and not first by a worker."""

import json
from typing import Any

import pytest

from catalog.domain.checker import check
from tests.factories import item, rest


def found(poll: dict[str, Any]) -> set[str]:
    """Return the codes that an item has because of its `poll`."""

    def codes(action: dict[str, Any]) -> set[str]:
        document = item("database-small-test", mode="automatic", actions=[action])
        file = {"catalog/databases/database-small-test.yaml": json.dumps(document).encode()}
        return {finding.code for finding in check(file, profile="strict").findings}

    polling = rest()
    polling["config"]["poll"] = poll
    return codes(polling) - codes(rest())


@pytest.mark.parametrize(
    ("poll", "codes"),
    [
        ({"until": "body.state == 'done'"}, set()),
        ({"until": "status == `200`", "failWhen": "contains(['a', 'b'], body.state)", "urlFrom": "body.url"}, set()),
        ({"until": "status == 200"}, {"expression_invalid"}),
        ({"until": "body.done", "failWhen": "body["}, {"expression_invalid"}),
        ({"until": "body.done", "urlFrom": "headers location"}, {"expression_invalid"}),
        ({"until": "answer.done"}, {"unknown_reference"}),  # a result has status, headers and body
        ({"until": "body.name == '{{.current.name}}'"}, {"template_syntax"}),  # no template is read here
        ({"url": "http://127.0.0.1:9/jobs"}, {"required_missing"}),
    ],
)
def test_an_expression_that_cannot_be_read_is_told(poll: dict[str, Any], codes: set[str]) -> None:
    assert found(poll) == codes
