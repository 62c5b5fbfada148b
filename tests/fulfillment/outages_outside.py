"""A JIRA that can be down, and time that passes for whatever waits for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.db.models import F
from django.db.models.functions import Now

from devtools.fault_proxy import FaultProxy
from fulfillment.breakers import seen
from fulfillment.models import Breaker, Postponement
from queueops.models import OutboxMessage
from requests_app.models import FulfillmentTask
from tests.fulfillment.pipeline import run

_BREAKER = ("counted_since", "opened_at", "retry_at", "trial_ends_at", "last_failed_at")
_POSTPONEMENT = ("since", "not_before")


@contextmanager
def proxied(base_url: str) -> Iterator[FaultProxy]:
    """Give a proxy before a server of this machine, which can refuse, swallow and pass."""
    host, port = base_url.removeprefix("http://").split(":")
    with FaultProxy(host, int(port)) as proxy:
        yield proxy


def url_of(proxy: FaultProxy) -> str:
    """Return the address of what stands behind the proxy."""
    host, port = proxy.address
    return f"http://{host}:{port}"


def pass_time(seconds: float) -> None:
    """Let that time pass for breakers and for what waits, and let this process look again."""
    back = timedelta(seconds=seconds)
    for model, columns in ((Breaker, _BREAKER), (Postponement, _POSTPONEMENT), (OutboxMessage, ("not_before",))):
        model._default_manager.update(**{column: F(column) - back for column in columns})
    seen.forget()


def due_tasks() -> list[FulfillmentTask]:
    """Return the queued tasks whose message may be sent now, in the order of sending."""
    messages = OutboxMessage.objects.filter(not_before__lte=Now()).order_by("not_before", "id")
    found: list[FulfillmentTask] = []
    for message in messages:
        task_id, attempt = message.args
        found += FulfillmentTask.objects.filter(pk=task_id, attempt=attempt, state="queued")
    return found


def run_due() -> list[str]:
    """Perform what is due, each once, as one worker would; return what became of each."""
    return [run(task) for task in due_tasks()]


def run_all_due() -> None:
    """Perform until nothing is due any more."""
    while run_due():
        pass
