"""The command `ensure_queues`: a line for each queue, or the reason and a failure."""

from collections.abc import Iterator
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from devtools.sqs import SqsStandIn
from queueops import sqs
from tests.queueops.worker_app import DEAD_LETTER_QUEUE, QUEUE, queue_settings


@pytest.fixture
def endpoint() -> Iterator[str]:
    """A stand-in without queues."""
    server = SqsStandIn()
    url = server.start()
    with override_settings(**queue_settings(url)):
        sqs.forget()
        yield url
    sqs.forget()
    server.stop()


def run() -> list[str]:
    """Return the lines that the command prints."""
    out = StringIO()
    call_command("ensure_queues", stdout=out)
    return out.getvalue().splitlines()


def test_says_what_it_created_and_what_it_found(endpoint: str) -> None:
    """Dead letters first, for the main queue refers to them."""
    address = f"{endpoint}/000000000000"
    assert run() == [
        f"created {DEAD_LETTER_QUEUE} {address}/{DEAD_LETTER_QUEUE}",
        f"created {QUEUE} {address}/{QUEUE}",
    ]
    assert run() == [
        f"found {DEAD_LETTER_QUEUE} {address}/{DEAD_LETTER_QUEUE}",
        f"found {QUEUE} {address}/{QUEUE}",
    ]


def test_a_mismatch_is_a_plain_reason(endpoint: str) -> None:
    """Exit code 1, through CommandError."""
    run()
    with override_settings(PAO_QUEUE_VISIBILITY_SECONDS=60), pytest.raises(CommandError) as caught:
        run()
    assert str(caught.value) == (
        "The queue pao-requests.fifo has VisibilityTimeout = 1, but PAO needs 60. "
        "Change the queue or the setting, then run manage.py ensure_queues again."
    )
    assert caught.value.returncode == 1


def test_no_server_is_a_plain_reason() -> None:
    """Nothing listens there."""
    with override_settings(**queue_settings("http://127.0.0.1:9")):
        sqs.forget()
        with pytest.raises(CommandError, match=r"127\.0\.0\.1:9"):
            run()
    sqs.forget()
