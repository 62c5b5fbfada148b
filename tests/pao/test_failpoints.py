"""Failpoints: what arms them, what they do, and that a product without them pays nothing."""

import os
import random
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest
from pytest_django import Settings

from pao import failpoints
from pao.failpoints import NAMES, failpoint, parse


@pytest.fixture(autouse=True)
def done(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """Record what failpoints would do instead of doing it."""
    acts: list[Any] = []
    failpoints._armed.cache_clear()
    monkeypatch.setattr(os, "kill", lambda pid, number: acts.append((pid, number)))
    monkeypatch.setattr(time, "sleep", acts.append)
    yield acts
    failpoints._armed.cache_clear()


@pytest.mark.parametrize(
    ("armed", "expected"),
    [
        ("", []),
        ("relay.after_send=kill", []),  # another place
        ("submit.before_commit=kill", [(os.getpid(), signal.SIGKILL)]),
        ("submit.before_commit=sleep:2", [2.0]),
        ("submit.before_commit=freeze:0.5", [0.5]),
        ("submit.before_commit=sleep", [1.0]),
        (" submit.before_commit = sleep:2 ; relay.after_send=kill ;", [2.0]),
    ],
)
def test_a_failpoint_does_what_is_asked_of_it(
    settings: Settings, done: list[Any], armed: str, expected: list[Any]
) -> None:
    settings.PAO_FAILPOINTS = armed
    failpoint("submit.before_commit")
    assert done == expected


@pytest.mark.parametrize(("chance", "killed"), [("0.1", False), ("0.5", False), ("0.51", True), ("1", True)])
def test_a_kill_may_come_by_chance(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    done: list[Any],
    chance: str,
    killed: bool,  # noqa: FBT001 - a column of the table
) -> None:
    settings.PAO_FAILPOINTS = f"submit.before_commit=kill:{chance}"
    monkeypatch.setattr(random, "random", lambda: 0.5)
    failpoint("submit.before_commit")
    assert bool(done) is killed


@pytest.mark.parametrize("name", NAMES)
def test_every_failpoint_can_be_armed(name: str) -> None:
    assert parse(f"{name}=kill") == {name: ("kill", 1.0)}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("submit.before=kill", "there is no failpoint submit.before; there are submit.before_commit"),
        ("submit.before_commit", "is not name=kill"),
        ("submit.before_commit=", "is not name=kill"),
        ("submit.before_commit=explode", "is not name=kill"),
        ("submit.before_commit=kill:often", "is not name=kill"),
        ("submit.before_commit=sleep:-1", "is not name=kill"),
        ("submit.before_commit=kill,relay.after_send=kill", "is not name=kill"),
    ],
)
def test_what_is_no_failpoint_is_refused(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse(text)
