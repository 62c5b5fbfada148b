"""What each list and page costs now, asked inside one process: time, statements, and blocks that the database touches.

    python -m devtools.bench.pages

Prints JSON by page. The calls pass through all of Django as a served call does; time is the least of several.
"""

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import django
from django.db import connection
from django.test import Client

WARM = 6  # calls; after five the database may plan a statement for all values
TIMED = 6
OPERATOR, REQUESTER = "olga", "dana"


def main() -> int:
    """Measure every page and print what was found."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pao.settings")
    django.setup()
    found = {title: _measured(*call) for title, call in _pages().items()}
    json.dump(found, sys.stdout)
    return 0


def _pages() -> dict[str, tuple[str, str]]:
    """Return by title who asks for what."""
    from requests_app.models import FulfillmentTask, ResourceRequest  # Django is set up only now

    ended = ResourceRequest.objects.filter(requester=REQUESTER, state="completed").order_by("id")
    one = ended[ended.count() // 2]
    task = FulfillmentTask.objects.filter(resource_request=one).first()
    api, admin = f"/api/v1/requests/{one.pk}", "/admin"
    of_request = f"resource_request__id__exact={one.pk}"
    return {
        "list, own": (REQUESTER, "/api/v1/requests"),
        "list, all that a team may see": (REQUESTER, "/api/v1/requests?scope=all"),
        "list, all of an operator": (OPERATOR, "/api/v1/requests?scope=all"),
        "list, own, failed": (REQUESTER, "/api/v1/requests?state=failed&limit=5"),
        "list, all, failed": (OPERATOR, "/api/v1/requests?scope=all&state=failed"),
        "list, own, of one item": (REQUESTER, "/api/v1/requests?item=bench-three-tickets&limit=5"),
        "list, all, of some months ago": (
            OPERATOR,
            f"/api/v1/requests?scope=all&limit=5&created_before={one.created_at:%Y-%m-%dT%H:%M:%S.%fZ}",
        ),
        "list, own, by a word": (REQUESTER, f"/api/v1/requests?q={one.name}"),
        "list, own, by a word that none has": (REQUESTER, "/api/v1/requests?q=nowhere"),
        "list, all, by a word": (OPERATOR, f"/api/v1/requests?scope=all&q={one.name}"),
        "list, all, by a word that none has": (OPERATOR, "/api/v1/requests?scope=all&q=nowhere"),
        "list, all, by correlation id": (OPERATOR, f"/api/v1/requests?scope=all&q={one.correlation_id}"),
        "detail": (REQUESTER, api),
        "status": (REQUESTER, f"{api}/status"),
        "log": (REQUESTER, f"{api}/logs"),
        "page of the list": (REQUESTER, "/requests/"),
        "page of a request": (REQUESTER, f"/requests/{one.pk}/"),
        "queue, numbers": (OPERATOR, "/api/v1/queue/stats"),
        "queue, live messages": (OPERATOR, "/api/v1/queue/messages"),
        "queue, one group": (OPERATOR, f"/api/v1/queue/messages/{one.pk}"),
        "queue, dead letters": (OPERATOR, "/api/v1/queue/dlq/messages?limit=10"),
        "admin, queue": (OPERATOR, f"{admin}/queue/"),
        "admin, requests": (OPERATOR, f"{admin}/requests/resourcerequest/"),
        "admin, requests failed": (OPERATOR, f"{admin}/requests/resourcerequest/?state__exact=failed"),
        "admin, a request": (OPERATOR, f"{admin}/requests/resourcerequest/{one.pk}/change/"),
        "admin, tasks": (OPERATOR, f"{admin}/requests/fulfillmenttask/"),
        "admin, tasks of a request": (OPERATOR, f"{admin}/requests/fulfillmenttask/?{of_request}"),
        "admin, tasks failed": (OPERATOR, f"{admin}/requests/fulfillmenttask/?state__exact=failed"),
        "admin, tasks by ticket": (
            OPERATOR,
            f"{admin}/requests/fulfillmenttask/?q={task.references[0]['key'] if task else ''}",
        ),
        "admin, attempts": (OPERATOR, f"{admin}/fulfillment/taskattempt/"),
        "admin, effects": (OPERATOR, f"{admin}/fulfillment/effect/"),
        "admin, log": (OPERATOR, f"{admin}/requests/logline/"),
        "admin, messages": (OPERATOR, f"{admin}/queueops/outboxmessage/"),
        "admin, dead letters": (OPERATOR, f"{admin}/queueops/deadletter/"),
        "admin, dead letters open": (OPERATOR, f"{admin}/queueops/deadletter/?status__exact=open"),
        "admin, audit": (OPERATOR, f"{admin}/audit/auditevent/"),
        "admin, audit of a request": (OPERATOR, f"{admin}/audit/auditevent/?request_id={one.pk}"),
    }


def _measured(who: str, address: str) -> Mapping[str, Any]:
    client = _client(who)
    for _ in range(WARM):
        _get(client, address)
    with _captured() as statements:
        _get(client, address)
    times = []
    for _ in range(TIMED):
        began = time.perf_counter()
        _get(client, address)
        times.append((time.perf_counter() - began) * 1000)
    plans = [(_plan(*statement), statement[0]) for statement in statements]
    worst = max(plans, key=lambda plan: plan[0]["blocks"], default=({"blocks": 0, "ms": 0.0}, ""))
    return {
        "ms": min(times),
        "statements": len(statements),
        "blocks": sum(plan["blocks"] for plan, _ in plans),
        "database_ms": sum(plan["ms"] for plan, _ in plans),
        "worst": {**worst[0], "text": worst[1]},
    }


def _client(who: str) -> Client:
    from django.contrib.auth.models import User  # Django is set up only now

    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(User.objects.get(username=who))
    return client


def _get(client: Client, address: str) -> None:
    answer = client.get(address, secure=True)
    _ = b"".join(answer) if getattr(answer, "streaming", False) else answer.content
    if answer.status_code != 200:  # noqa: PLR2004 - OK
        raise RuntimeError(f"{address} answered {answer.status_code}: {answer.content[:300]!r}")


@contextmanager
def _captured() -> Iterator[list[tuple[str, Any]]]:
    found: list[tuple[str, Any]] = []

    def note(execute: Any, text: str, values: Any, many: bool, context: Any) -> Any:  # noqa: FBT001 - Django's signature
        if text.lstrip().startswith(("SELECT", "WITH")):
            found.append((text, values))
        return execute(text, values, many, context)

    with connection.execute_wrapper(note):
        yield found


def _plan(text: str, values: Any) -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {text}", values)
        found = cursor.fetchone()[0]
    plan = (json.loads(found) if isinstance(found, str) else found)[0]
    top = plan["Plan"]
    return {"blocks": top["Shared Hit Blocks"] + top["Shared Read Blocks"], "ms": plan["Execution Time"]}


if __name__ == "__main__":
    sys.exit(main())
