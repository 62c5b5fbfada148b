"""One deployment for all flows; every test leaves it without faults and without workers."""

from collections.abc import Iterator

import pytest

from tests.flows.stack import Stack, running_stack


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running_stack(tmp_path_factory.mktemp("flows")) as stack:
        yield stack


@pytest.fixture
def stack(running: Stack) -> Iterator[Stack]:
    """The deployment, its relay running, its outside without faults."""
    yield running
    running.sandbox.faults.clear()
    if not running.relay.running:
        running.relay.restart()
