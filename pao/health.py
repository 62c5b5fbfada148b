"""Whether PAO lives, whether it is ready, and which build it is: bare JSON, without detail for strangers."""

from django.conf import settings
from django.db import Error, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from fulfillment.breakers import is_any_down
from pao.core import clock
from queueops import sqs
from queueops.models import OutboxMessage

QUEUE_PROBE_SECONDS = 1.0
QUEUE_CACHE_SECONDS = 3.0
_queue_seen: dict[str, tuple[float, str]] = {}


@require_safe
def live(request: HttpRequest) -> JsonResponse:
    """Answer 200 while the process can answer at all; asks nothing of others."""
    return JsonResponse({"status": "ok"})


@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """Answer 200 when requests can be accepted, else 503; a missing queue is `degraded`: the outbox holds (F05).

    So is a destination that is down, for tasks wait for it (F46); which one, the admin tells.
    """
    components = {"database": _database(), "queue": _queue()}
    usable = components["database"] == "ok"
    if usable and is_any_down():
        components["integrations"] = "degraded"
    status = "ok" if set(components.values()) == {"ok"} else "degraded" if usable else "unavailable"
    return JsonResponse({"status": status, "components": components}, status=200 if usable else 503)


@require_safe
def version(request: HttpRequest) -> JsonResponse:
    """Tell which build this is."""
    return JsonResponse({"version": settings.PAO_BUILD, "api_version": "v1"})


def _database() -> str:
    try:
        OutboxMessage.objects.filter(sent_at__isnull=True).exists()
    except Error:
        connection.close()
        return "unavailable"
    return "ok"


def _queue() -> str:
    """Ask the queue at most every `QUEUE_CACHE_SECONDS`: anybody may probe, and a silent queue answers slowly."""
    asked, answer = _queue_seen.get("queue", (0.0, ""))
    if answer and clock.monotonic() - asked < QUEUE_CACHE_SECONDS:
        return answer
    answer = "ok" if sqs.answers(settings.PAO_QUEUE_NAME, seconds=QUEUE_PROBE_SECONDS) else "unavailable"
    _queue_seen["queue"] = (clock.monotonic(), answer)
    return answer
