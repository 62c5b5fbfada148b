"""A broker for the relay and the drain: the stand-in, behind a proxy that breaks what passes through it."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from django.test import override_settings
from kombu import pools

from devtools.fault_proxy import FaultProxy
from devtools.sqs import SqsStandIn
from pao.celery import app
from queueops import sqs
from tests.queueops.broker import Broker
from tests.queueops.worker_app import queue_settings


@pytest.fixture
def broker() -> Iterator[Broker]:
    """Both queues, empty, and settings that lead to them through the proxy."""
    server = SqsStandIn()
    endpoint = urlsplit(server.start())
    assert endpoint.hostname is not None
    assert endpoint.port is not None
    with FaultProxy(endpoint.hostname, endpoint.port) as proxy:
        host, port = proxy.address
        with override_settings(**queue_settings(f"http://{host}:{port}", PAO_TASK_SECONDS=45)):
            sqs.forget()
            sqs.ensure_queues()
            yield Broker(proxy)
            pools.reset()
            getattr(app, "_after_fork")()  # noqa: B009 - what Celery itself calls to forget its connections
    sqs.forget()
    server.stop()
