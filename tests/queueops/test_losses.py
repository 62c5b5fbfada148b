"""What the queues lose, the ledger brings back, or puts before a person with a reason."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from fulfillment.reaper import MOST_SENDS, reap
from queueops.models import DeadLetter
from queueops.relay import send_pending
from requests_app import progress
from requests_app.models import FulfillmentTask, ResourceRequest
from tests.factories import item, serve, submitted
from tests.fulfillment.pipeline import claimed, codes, state_of, states, task_of
from tests.queueops.broker import Broker
from tests.queueops.worker_app import DEAD_LETTER_QUEUE

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sent(broker: Broker) -> ResourceRequest:
    """A request whose first message is in the queue."""
    serve(item())
    request = submitted("database-small-test")
    assert send_pending() == 1
    return request


def care_an_hour_later() -> None:
    """Let everything have waited for an hour; then let the relay take care of what stands still, and send."""
    FulfillmentTask.objects.update(queued_at=Now() - timedelta(hours=1))
    reap()
    send_pending()


def test_a_queue_that_was_purged_gets_its_messages_again(broker: Broker, sent: ResourceRequest) -> None:
    """F18: and a message that is still there is not sent twice, however long it waits."""
    care_an_hour_later()
    [letter] = broker.receive_all()
    assert letter.args == [str(task_of(sent).pk), 1]

    care_an_hour_later()
    [again] = broker.receive_all()
    assert (again.args, again.deduplication == letter.deduplication) == (letter.args, False)
    progress.complete(claimed(task_of(sent)), outputs={})
    assert state_of(sent) == "completed"


def test_a_dead_letter_that_ran_out_before_it_was_read_leaves_a_task_that_explains_itself(
    broker: Broker, sent: ResourceRequest
) -> None:
    """F63: the dead-letter queue keeps 14 days at most; the task is sent again, and waits for a person in the end."""
    for sends in range(1, MOST_SENDS + 1):
        assert (states(sent), task_of(sent).sends) == (["queued"], sends)
        for letter in broker.receive_all():
            broker.kill_letter(letter.body, letter.group)
        assert len(broker.receive_all(DEAD_LETTER_QUEUE)) == 1  # nobody drained in time
        care_an_hour_later()

    assert (state_of(sent), states(sent)) == ("failed", ["stuck"])
    assert codes(sent) == ("MESSAGE_LOST", ["MESSAGE_LOST"])
    assert task_of(sent).state_reason["next_step"]
    assert (broker.receive_all(), broker.dead(), DeadLetter.objects.count()) == ([], 0, 0)
