"""The only sources of time."""

import time
from datetime import UTC, datetime, timedelta

from pao.core.clock import monotonic, now


def test_now_is_a_moment_in_utc() -> None:
    before = datetime.now(UTC)
    moment = now()
    assert before <= moment <= datetime.now(UTC)
    assert moment.utcoffset() == timedelta(0)


def test_monotonic_never_goes_back() -> None:
    moments = [monotonic() for _ in range(100)]
    assert moments == sorted(moments)
    assert moments[0] <= time.monotonic()
