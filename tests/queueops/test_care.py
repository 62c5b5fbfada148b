"""The relay's care: each duty is done whatever becomes of the others; it shows life only while both threads live."""

import uuid
from pathlib import Path

import pytest
from pytest_django import Settings

from fulfillment.reaper import Reaped
from pao.core.clock import monotonic
from pao.core.errors import QueueUnavailable
from pao.management.commands import relay
from pao.management.commands.relay import LONGEST_SILENCE


def test_a_dead_letter_queue_out_of_reach_does_not_stop_the_reaper(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    def drain() -> None:
        raise QueueUnavailable("no permission")

    drain.__name__ = "drain"
    monkeypatch.setattr(relay, "_drain", drain)
    monkeypatch.setattr(relay, "_reap", lambda: done.append("reaped"))
    monkeypatch.setattr(relay, "_purge", lambda: done.append("purged"))
    monkeypatch.setattr(relay, "_prune", lambda: done.append("pruned"))

    with pytest.raises(QueueUnavailable, match="no permission"):
        relay._care()
    assert done == ["reaped", "purged", "pruned"]


def test_each_round_of_the_reaper_goes_on_where_the_last_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """And after the end from the beginning."""
    place = uuid.uuid4()
    ends = iter([place, None, None])
    begun: list[uuid.UUID | None] = []

    def reap(after: uuid.UUID | None) -> Reaped:
        begun.append(after)
        return Reaped(looked_up_to=next(ends))

    monkeypatch.setattr(relay, "reap", reap)
    for _ in range(3):
        relay._reap()

    assert begun == [None, place, None]


def test_lost_syncs_out_of_reach_do_not_stop_the_look_at_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []

    def care_for_lost() -> int:
        raise QueueUnavailable("no database")

    monkeypatch.setattr(relay, "care_for_lost", care_for_lost)
    monkeypatch.setattr(relay, "poll", lambda: looked.append("looked"))

    with pytest.raises(QueueUnavailable, match="no database"):
        relay._watch_catalog()
    assert looked == ["looked"]


@pytest.mark.parametrize(("silence", "alive"), [(0.0, True), (LONGEST_SILENCE + 1, False)])
def test_a_thread_that_hangs_is_not_covered_by_the_other(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch, *, silence: float, alive: bool
) -> None:
    file = tmp_path / "alive"
    settings.PAO_WORKER_LIVENESS_FILE = str(file)
    monkeypatch.setattr(relay, "_last_good", {"care": monotonic() - silence})

    relay._show_life()

    assert file.exists() is alive
