"""Every route of requests against every persona: who gets what (auth.md; B36, B37)."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from pao.core.context import Principal
from pao.core.ids import new_id
from tests.conftest import PERSONAE
from tests.described import as_described
from tests.requests_app.ledger import halted_stack

pytestmark = pytest.mark.django_db

ANONYMOUS = "anonymous"

# route: persona → status. `halted` is a failed request of the requester, made in the team `webshop`.
EXPECTED = """
                                 requester team_mate stranger owner operator auditor anonymous
    GET  requests                      200       200      200   200      200     200       401
    POST requests                      202       202      202   202      202     202       401
    GET  requests/halted               200       200      404   200      200     200       401
    GET  requests/halted/status        200       200      404   200      200     200       401
    GET  requests/halted/logs          200       200      404   200      200     200       401
    POST requests/halted/retry         202       403      404   202      202     403       401
    POST requests/halted/retry?dry_run=true 200 403      404   200      200     403       401
    POST requests/halted/escalate      202       403      404   202      202     403       401
    POST requests/halted/tasks/failed/resolve 403 403     404   202      202     403       401
    POST requests/halted/confirm       403       403      404   409      409     403       401
    POST requests/halted/abort         202       403      404   202      202     403       401
    GET  requests/nothing              404       404      404   404      404     404       401
    GET  requests/nothing/status       404       404      404   404      404     404       401
    GET  requests/nothing/logs         404       404      404   404      404     404       401
    POST requests/nothing/retry        404       404      404   404      404     404       401
    POST requests/nothing/escalate     404       404      404   404      404     404       401
    POST requests/nothing/tasks/failed/resolve 404 404    404   404      404     404       401
    POST requests/nothing/confirm      404       404      404   404      404     404       401
    POST requests/nothing/abort        404       404      404   404      404     404       401
"""


def cells() -> list[Any]:
    """Return (method, route, persona, status) of every cell of the table."""
    head, *rows = EXPECTED.strip("\n").splitlines()
    personae = head.split()
    assert set(personae) == {*PERSONAE, ANONYMOUS}
    return [
        pytest.param(method, route, persona, int(status), id=f"{persona}: {method} {route}")
        for method, route, *statuses in (row.split() for row in rows)
        for persona, status in zip(personae, statuses, strict=True)
    ]


@pytest.mark.parametrize(("method", "route", "persona", "status"), cells())
def test_a_persona_gets_what_the_table_says(
    api: Callable[..., APIClient], method: str, route: str, persona: str, status: int
) -> None:
    requester = Principal(id="requester", teams=("webshop",))
    request = halted_stack(by=requester)
    client = APIClient() if persona == ANONYMOUS else api(persona)
    path = "/api/v1/" + route.replace("halted", str(request.pk)).replace("nothing", str(new_id()))
    path = path.replace("tasks/failed", f"tasks/{request.tasks.get(state='failed').pk}")
    bodies = {
        "requests": {"item_id": "bundle-stack-test", "form_data": {"name": "my-thing"}},
        "retry?dry_run=true": {"on": "latest"},
        "resolve": {"outcome": "skipped", "reason": "not needed"},
    }
    body = bodies.get(route.rpartition("/")[2], {})
    answer = client.get(path) if method == "GET" else client.post(path, body, format="json")

    assert answer.status_code == status
    as_described(answer)
    if status in {401, 403, 404}:
        request.refresh_from_db()
        assert request.state == "failed"


def test_others_requests_and_no_requests_answer_alike(api: Callable[..., APIClient]) -> None:
    request = halted_stack(by=Principal(id="requester"))
    nothing = new_id()
    stranger = api("stranger")
    for verb in ("", "/status", "/logs"):
        answers = [stranger.get(f"/api/v1/requests/{request_id}{verb}").json() for request_id in (request.pk, nothing)]
        bodies = [
            answer["error"] | {"correlation_id": "", "message": answer["error"]["message"].replace(str(request_id), "")}
            for answer, request_id in zip(answers, (request.pk, nothing), strict=True)
        ]
        assert bodies[0] == bodies[1]


@pytest.mark.parametrize("verb", ["retry", "escalate", "abort"])
def test_a_key_used_by_a_forbidden_call_is_not_used_up(api: Callable[..., APIClient], verb: str) -> None:
    request = halted_stack(by=Principal(id="requester", teams=("webshop",)))
    path, headers = f"/api/v1/requests/{request.pk}/{verb}", {"Idempotency-Key": "key-1"}
    for _ in range(2):
        answer = api("team_mate").post(path, {}, format="json", headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "FORBIDDEN")
