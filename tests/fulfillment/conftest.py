"""An outside world for the pipeline: the sandbox as JIRA and as a REST platform, with its fault switch and ledger."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from devtools.sandbox import Sandbox
from fulfillment import reconcile
from pao.clients import http


@pytest.fixture(scope="session")
def running_sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox
        http.door().close()


@pytest.fixture
def sandbox(running_sandbox: Sandbox, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """Return an empty sandbox that the settings name as JIRA and as an allowed target; looks outside do not pause."""
    settings.PAO_JIRA_URL = running_sandbox.base_url
    settings.PAO_REST_ALLOWED_TARGETS = [f"{running_sandbox.base_url}/platform/"]
    monkeypatch.setattr(reconcile, "PAUSES", (0.0, 0.0))
    yield running_sandbox
    running_sandbox.faults.clear()
    running_sandbox.store.reset()
    running_sandbox.calls.clear()
