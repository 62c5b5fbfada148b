"""A process whose clock is wrong: the module it runs sees another time, and goes on at the usual pace."""

import runpy
import sys
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from devtools.skew import main


@pytest.mark.parametrize("seconds", [600, -600])
def test_the_module_sees_another_time(monkeypatch: pytest.MonkeyPatch, seconds: int) -> None:
    seen: list[Any] = []

    def run(module: str, **_: Any) -> None:
        seen.extend([module, sys.argv, time.time(), datetime.now(UTC).timestamp(), time.time()])

    monkeypatch.setattr(sys, "argv", [])
    monkeypatch.setattr(runpy, "run_module", run)
    before = time.time()
    main([str(seconds), "celery", "-A", "pao"])
    after = time.time()

    module, argv, first, second, third = seen
    assert (module, argv) == ("celery", ["celery", "-A", "pao"])
    assert before <= first - seconds <= second - seconds <= third - seconds <= after
    assert first < third
