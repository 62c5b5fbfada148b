"""The SQS stand-in for the tests of devtools."""

import contextlib
from collections.abc import Iterator

import pytest

from devtools.sqs import SqsStandIn
from tests.devtools.sqs_wire import Wire


@pytest.fixture(scope="module")
def running_sqs() -> Iterator[str]:
    stand_in = SqsStandIn()
    yield stand_in.start()
    stand_in.stop()


@pytest.fixture
def endpoint(running_sqs: str) -> Iterator[str]:
    """A running stand-in without queues."""
    yield running_sqs
    with contextlib.closing(Wire(running_sqs)) as wire:
        for url in wire.ok("ListQueues")["QueueUrls"]:
            wire.ok("DeleteQueue", QueueUrl=url)


@pytest.fixture
def wire(endpoint: str) -> Iterator[Wire]:
    with contextlib.closing(Wire(endpoint)) as client:
        yield client
