"""A round of pruning: everything in its turn, in batches, cut short by the time, and gone on with."""

import uuid
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from fulfillment import retention
from fulfillment.retention import Pruned, due, prune
from pao.core.clock import now
from pao.core.ids import first_id_at
from pao.management.commands import relay
from requests_app.models import FulfillmentTask, LogLine, ResourceRequest
from tests.factories import item, serve, submitted
from tests.requests_app.ledger import everything_stored

pytestmark = pytest.mark.django_db

NOTHING = dict.fromkeys(
    ("requests", "uploads", "warnings", "messages", "dead letters", "sync reports", "catalog versions"), 0
)


def requests(count: int, *, days: int = 91) -> list[ResourceRequest]:
    """Return that many completed requests that have not changed for so many days."""
    serve(item())
    moment = now() - timedelta(days=days)
    made = [submitted("database-small-test") for _ in range(count)]
    for number, request in enumerate(made):
        LogLine.objects.filter(resource_request=request).delete()
        FulfillmentTask.objects.filter(resource_request=request).delete()
        key = first_id_at(moment).int + number + 1
        ResourceRequest.objects.filter(pk=request.pk).update(
            id=uuid.UUID(int=key), state="completed", finished_at=moment, changed_at=moment
        )
    return list(ResourceRequest.objects.order_by("pk"))


@pytest.fixture
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every look at the clock find a second more."""
    seen = [0.0]

    def monotonic() -> float:
        seen[0] += 1
        return seen[0]

    monkeypatch.setattr(retention, "monotonic", monotonic)


def test_a_round_goes_through_everything() -> None:
    requests(3)

    assert prune(seconds=60, batch=2) == Pruned(NOTHING | {"requests": 3}, is_done=True)
    assert prune(seconds=60) == Pruned(NOTHING, is_done=True)
    assert not ResourceRequest.objects.exists()


@pytest.mark.usefixtures("_clock")
def test_a_round_ends_when_the_time_is_up_and_the_next_goes_on() -> None:
    requests(5)

    assert prune(seconds=3, batch=2) == Pruned({"requests": 4}, is_done=False)
    assert prune(seconds=60, batch=2) == Pruned(NOTHING | {"requests": 1}, is_done=True)


def test_what_is_due_is_told_without_a_change() -> None:
    requests(2)
    before = everything_stored()

    assert due() == {name: 0 for name in NOTHING if name not in {"uploads", "warnings"}} | {"requests": 2}
    assert everything_stored() == before


def command(*options: str) -> list[str]:
    """Return what the command says."""
    out = StringIO()
    call_command("prune_requests", *options, stdout=out)
    return out.getvalue().splitlines()


def test_the_command_says_what_it_did() -> None:
    requests(2)

    assert command("--dry-run")[0] == "2 requests would be removed."
    said = command("--batch", "1")
    assert (said[0], said[2], len(said)) == ("2 requests removed.", "0 warnings written.", len(NOTHING))
    assert command()[0] == "0 requests removed."


@pytest.mark.usefixtures("_clock")
def test_the_command_says_when_more_is_left() -> None:
    requests(2)

    assert command("--batch", "1", "--seconds", "2") == [
        "1 requests removed.",
        "The time is up, and more is left: run it again.",
    ]


@pytest.mark.parametrize("options", [("--batch", "0"), ("--batch", "10001"), ("--seconds", "0")])
def test_what_makes_no_sense_is_refused(options: tuple[str, str]) -> None:
    with pytest.raises(CommandError, match="--batch is 1 to 10000"):
        command(*options)


def test_a_relay_rests_for_an_hour_once_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """While something is left, each round of its care takes a second for it."""
    clock, rounds = [0.0], iter([False, True, True])
    begun: list[float] = []

    def round_of(*, seconds: float) -> Pruned:
        assert seconds == relay.PRUNE_SECONDS
        begun.append(clock[0])
        return Pruned({"requests": 1}, is_done=next(rounds))

    monkeypatch.setattr(relay, "prune", round_of)
    monkeypatch.setattr(relay, "monotonic", lambda: clock[0])
    monkeypatch.setattr(relay, "_rests_until", {})
    for moment in (0, 10, 20, 3600, 3611):
        clock[0] = float(moment)
        relay._prune()

    assert begun == [0.0, 10.0, 3611.0]
