"""What a real worker does on SQS FIFO: nothing is lost, nothing runs twice while its worker lives."""

import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from celery import Celery
from celery.app.utils import find_app
from django.test import override_settings
from kombu import pools

from devtools.processes import free_port
from devtools.sqs import SqsStandIn
from pao import celery as product
from queueops import sqs
from tests.queueops.scripted_sqs import wait_until
from tests.queueops.worker_app import DEAD_LETTER_QUEUE, QUEUE, queue_settings
from tests.queueops.workers import ROOT, lines, running_worker

EMPTY = sqs.QueueCounters(visible=0, in_flight=0, delayed=0)


@pytest.fixture
def port() -> Iterator[int]:
    """The port of a stand-in with both queues."""
    number = free_port()
    stand_in = SqsStandIn(port=number)
    with override_settings(**queue_settings(stand_in.start())):
        sqs.forget()
        sqs.ensure_queues()
        yield number
    sqs.forget()
    pools.reset()
    stand_in.stop()


@pytest.fixture
def endpoint(port: int) -> str:
    """The URL of the stand-in."""
    return f"http://127.0.0.1:{port}"


@pytest.fixture
def sender() -> Celery:
    """The product's configuration, as far as sending goes."""
    app = Celery("sender", set_as_current=False)
    app.conf.update(
        {name: value for name, value in product.configuration().items() if name.startswith(("broker_", "task_"))}
    )
    return app


def send(app: Celery, job: str, *args: object, group: str = "") -> None:
    """Send one job, in a group of its own unless one is named."""
    identity = str(uuid.uuid4())
    app.send_task(job, args=args, MessageGroupId=group or identity, MessageDeduplicationId=identity)


def test_instant_jobs(
    endpoint: str,
    sender: Celery,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Two hundred jobs of twenty groups on two slots: each once, in the order of its group; the rate is printed."""
    count, journal = 200, tmp_path / "journal"
    for number in range(count):
        send(sender, "tests.note", str(journal), f"{number % 20} {number}", group=f"group-{number % 20}")
    with running_worker(endpoint, tmp_path):
        wait_until(lambda: lines(journal))
        begun, done = time.monotonic(), len(lines(journal))
        wait_until(lambda: len(lines(journal)) >= count, 20)
        rate = (count - done) / (time.monotonic() - begun)
        wait_until(lambda: sqs.counters(QUEUE) == EMPTY)
    with capsys.disabled():
        print(f" [{rate:.0f} jobs/s] ", end="")  # noqa: T201 - a figure to see, not to judge by
    written = [line.split() for line in lines(journal)]
    assert sorted(int(number) for _, number in written) == list(range(count))
    for group in range(20):
        numbers = [int(number) for its_group, number in written if int(its_group) == group]
        assert numbers == sorted(numbers)


def test_poison_goes_to_the_dead_letters_while_the_worker_works(endpoint: str, sender: Celery, tmp_path: Path) -> None:
    """After three receives each; jobs of other groups are not held up (F19, F27, F37)."""
    journal = tmp_path / "journal"
    with running_worker(endpoint, tmp_path) as worker:
        sqs.client().send_message(
            QueueUrl=sqs.queue_url(QUEUE), MessageBody="garbage", MessageGroupId="g", MessageDeduplicationId="g"
        )
        send(sender, "tests.unknown", "x")
        send(sender, "tests.refuse", str(journal), "refused")
        send(sender, "tests.note", str(journal), "good")
        wait_until(lambda: sqs.counters(DEAD_LETTER_QUEUE).visible == 3, 20)
        assert worker.lives
        send(sender, "tests.note", str(journal), "still working")
        wait_until(lambda: "still working" in lines(journal))
        wait_until(lambda: sqs.counters(QUEUE) == EMPTY)
    assert sorted(lines(journal)) == ["good", "refused", "refused", "refused", "still working"]
    assert [letter.body for letter in sqs.receive_dead_letters()].count("garbage") == 1


def test_a_long_job_runs_once(endpoint: str, sender: Celery, tmp_path: Path) -> None:
    """Three times the visibility: kombu alone delivers it again, and dead-letters it though it succeeds."""
    journal = tmp_path / "journal"
    with running_worker(endpoint, tmp_path):
        send(sender, "tests.last", str(journal), "long", 3)
        wait_until(lambda: "long ended" in lines(journal))
        wait_until(lambda: sqs.counters(QUEUE) == EMPTY)
    assert lines(journal) == ["long begun", "long ended"]
    assert sqs.counters(DEAD_LETTER_QUEUE) == EMPTY


def test_a_killed_worker_loses_nothing(endpoint: str, sender: Celery, tmp_path: Path) -> None:
    """Its message comes again after the visibility, and not before (F20)."""
    journal = tmp_path / "journal"
    with running_worker(endpoint, tmp_path) as worker:
        send(sender, "tests.last", str(journal), "killed", 30)
        wait_until(lambda: lines(journal))
        worker.kill()
    assert sqs.counters(QUEUE).in_flight == 1
    with running_worker(endpoint, tmp_path):
        wait_until(lambda: len(lines(journal)) == 2)
    assert lines(journal) == ["killed begun", "killed begun"]


def test_sigterm_waits_for_the_job(endpoint: str, sender: Celery, tmp_path: Path) -> None:
    """Longer than the visibility, and its message stays hidden meanwhile; what comes later is left to others (F64)."""
    journal = tmp_path / "journal"
    with running_worker(endpoint, tmp_path) as worker:
        send(sender, "tests.last", str(journal), "last", 2.5)
        wait_until(lambda: lines(journal))
        worker.ask_to_stop()
        wait_until(lambda: "Warm shutdown" in worker.log.read_text())
        time.sleep(1.2)
        send(sender, "tests.note", str(journal), "late")
        assert worker.wait() == 0
    assert lines(journal) == ["last begun", "last ended"]
    assert sqs.counters(QUEUE) == sqs.QueueCounters(visible=1, in_flight=0, delayed=0)


def test_a_worker_outlives_its_queue_server(tmp_path: Path) -> None:
    """It starts without one, finds it, loses it with its messages, and works again when it is back (F05, F18)."""
    port, journal = free_port(), tmp_path / "journal"
    endpoint = f"http://127.0.0.1:{port}"
    with override_settings(**queue_settings(endpoint)), running_worker(endpoint, tmp_path) as worker:
        sender = Celery("sender", set_as_current=False)
        sender.conf.update(broker_url="sqs://", broker_transport="queueops.transport:Transport")
        sender.conf.update(task_default_queue=QUEUE, task_publish_retry=False)
        for line in ("first", "second"):
            stand_in = SqsStandIn(port=port)
            stand_in.start()
            sqs.forget()
            sqs.ensure_queues()
            send(sender, "tests.note", str(journal), line)
            wait_until(lambda line=line: line in lines(journal), 20)
            stand_in.stop()
            failures = worker.log.read_text().count("failed, next try")
            wait_until(lambda seen=failures: worker.log.read_text().count("failed, next try") > seen)
        assert worker.lives
        pools.reset()
        sqs.forget()
    assert lines(journal) == ["first", "second"]


def test_celery_finds_the_app_under_the_projects_name() -> None:
    """`celery -A pao worker`."""
    assert find_app("pao") is product.app


def test_the_floor_needs_neither_django_nor_celery() -> None:
    """`pao.core` is imported by pure packages, and `pao` with it."""
    code = "import sys, pao.core.errors; sys.exit(bool({'celery', 'django', 'kombu', 'boto3'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("task_acks_late", True),  # early acknowledgement loses jobs on kill
        ("task_reject_on_worker_lost", False),  # the reaper is the authority, not a second delivery at once
        ("task_acks_on_failure_or_timeout", True),  # what was begun is never repeated by the queue
        ("worker_prefetch_multiplier", 1),  # what waits in memory ages
        ("worker_enable_remote_control", False),  # FIFO queues have none
        ("worker_send_task_events", False),  # nor events
        ("task_ignore_result", True),  # the ledger has the results
        ("accept_content", ["json"]),  # no pickle, no YAML
        ("task_serializer", "json"),
        ("task_create_missing_queues", False),  # a wrong name is an error, not a queue
        ("task_publish_retry", False),  # the relay repeats
        ("task_time_limit", 45),  # PAO_TASK_SECONDS
        ("task_default_queue", QUEUE),
        ("include", ["fulfillment.worker", "catalog.worker"]),
    ],
)
def test_the_settings_that_make_it_safe(name: str, value: object) -> None:
    """Each with its reason; see the design page stack.md, "Celery and kombu on SQS FIFO"."""
    with override_settings(**queue_settings("")):
        assert product.configuration()[name] == value
