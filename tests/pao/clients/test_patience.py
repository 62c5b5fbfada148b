"""How long a rate limit is waited for (R46)."""

import pytest

from pao.clients import http
from pao.clients.patience import MOST_WAITS, PATIENCE_SECONDS, is_time_for
from pao.core import clock

NOW = 1000.0


@pytest.mark.parametrize(
    ("wait", "waits", "not_after", "may"),
    [
        pytest.param(PATIENCE_SECONDS, 0, None, True, id="as long as patience lasts"),
        pytest.param(PATIENCE_SECONDS + 0.1, 0, None, False, id="longer than patience"),
        pytest.param(1.0, MOST_WAITS - 1, None, True, id="the last wait"),
        pytest.param(1.0, MOST_WAITS, None, False, id="one wait too many"),
        pytest.param(60.0, 0, NOW + 60 + http.LEAST_SECONDS + 1, True, id="the attempt lasts longer"),
        pytest.param(60.0, 0, NOW + 60 + http.LEAST_SECONDS, False, id="nothing is left for the call"),
        pytest.param(1.0, MOST_WAITS, NOW + 600, False, id="one wait too many, with time left"),
    ],
)
def test_what_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, wait: float, waits: int, not_after: float | None, *, may: bool
) -> None:
    monkeypatch.setattr(clock, "monotonic", lambda: NOW)
    assert is_time_for(wait, waits, not_after) is may
