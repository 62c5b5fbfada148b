"""Whose turn it is gets exactly one message, in the right group, under an id that no retry repeats."""

import uuid
from typing import Any

import pytest

from queueops.models import OutboxMessage
from requests_app import dispatch, progress, rescue, transitions
from requests_app.models import FulfillmentTask, ResourceRequest
from requests_app.retry import retry
from tests.factories import bundle, item, serve, serve_stack, submitted, tasks_by_component, ticket
from tests.fulfillment.pipeline import BROKEN, OPERATOR, claimed, lease_of, messages_of, state_of, states, task_of

pytestmark = pytest.mark.django_db

DIAMOND: dict[str, tuple[str, ...]] = {"base": (), "left": ("base",), "right": ("base",), "top": ("left", "right")}


def diamond(mode: str, actions: int = 1) -> ResourceRequest:
    """Submit the bundle base ← left, right ← top, with that many tickets in each component."""
    tickets = [ticket(summary=f"Part {number}") for number in range(actions)]
    serve(*(item(f"item-{component}-test", actions=tickets) for component in DIAMOND))
    serve(bundle(components=DIAMOND, mode=mode))
    return submitted("bundle-stack-test")


def queued(request: ResourceRequest) -> list[str]:
    """Return the components whose task is queued, in order."""
    tasks = request.tasks.filter(state="queued").order_by("sequence_index")
    return [task.component_id for task in tasks]


def finish(request: ResourceRequest, component: str) -> None:
    """Complete the queued task of a component."""
    task = request.tasks.get(component_id=component, state="queued")
    assert progress.complete(claimed(task), outputs={})


def test_in_sequence_one_task_is_queued_at_a_time() -> None:
    request = diamond("sequential")
    seen = []
    while queued(request):
        seen.append(queued(request))
        finish(request, seen[-1][0])

    assert seen == [["base"], ["left"], ["right"], ["top"]]
    assert state_of(request) == "completed"
    assert set(OutboxMessage.objects.values_list("group_id", flat=True)) == {str(request.pk)}


def test_in_parallel_every_component_whose_dependencies_are_done_is_queued() -> None:
    request = diamond("parallel")
    assert queued(request) == ["base"]
    finish(request, "base")
    assert queued(request) == ["left", "right"]
    finish(request, "right")
    assert queued(request) == ["left"]
    finish(request, "left")
    assert queued(request) == ["top"]
    finish(request, "top")

    assert state_of(request) == "completed"
    groups = {message.args[0]: message.group_id for message in OutboxMessage.objects.all()}
    assert groups == {
        str(task.pk): f"{request.pk}:{component}" for component, task in tasks_by_component(request).items()
    }


def test_the_actions_of_a_component_follow_one_another_in_parallel_mode_too() -> None:
    """F25: never two messages of one group at once."""
    request = diamond("parallel", actions=2)
    finish(request, "base")
    assert queued(request) == ["base"]
    finish(request, "base")
    assert queued(request) == ["left", "right"]
    for component in ("left", "left", "right", "right", "top", "top"):
        finish(request, component)
    assert state_of(request) == "completed"


def test_an_item_is_one_group() -> None:
    serve(item(actions=[ticket(), ticket()]))
    request = submitted("database-small-test")
    progress.complete(claimed(task_of(request)), outputs={})

    assert set(OutboxMessage.objects.values_list("group_id", flat=True)) == {str(request.pk)}
    assert states(request) == ["completed", "queued"]


def test_no_two_messages_ever_share_a_deduplication_id() -> None:
    """F15: over losses, repeated sends and retries; SQS would swallow the second for five minutes."""
    serve(item())
    request = submitted("database-small-test")
    task = task_of(request)
    rescue.send_again(task.pk, 1, sends=_sends(task), most_sends=9)
    progress.fail(claimed(task), reason=BROKEN)
    retry(resource_request_id=request.pk, by=OPERATOR)
    rescue.send_again(task.pk, 2, sends=_sends(task), most_sends=9)
    progress.fail(claimed(task), reason=BROKEN)
    retry(resource_request_id=request.pk, by=OPERATOR)

    ids = [f"{task.pk}:{attempt}:{send}" for attempt, send in ((1, 1), (1, 2), (2, 1), (2, 2), (3, 1))]
    assert [deduplication for _, deduplication in messages_of(task)] == ids


def test_a_task_held_and_queued_again_at_the_same_attempt_gets_a_new_id() -> None:
    """F15: its first message was acknowledged without a run."""
    request = diamond("parallel")
    finish(request, "base")
    left, right = (tasks_by_component(request)[name] for name in ("left", "right"))
    progress.fail(claimed(left), reason=BROKEN)
    assert progress.start(lease_of(right)) is progress.Claim.PARENT_HALTED
    retry(resource_request_id=request.pk, by=OPERATOR)

    assert messages_of(right) == [(1, f"{right.pk}:1:1"), (1, f"{right.pk}:1:2")]


@pytest.mark.parametrize("state", ["failed", "completed", "aborted"])
def test_nothing_is_queued_for_a_request_that_is_halted_or_ended(state: str) -> None:
    """F36."""
    request = submitted(serve_stack())
    FulfillmentTask.objects.filter(pk=task_of(request).pk).update(state="completed")
    ResourceRequest.objects.filter(pk=request.pk).update(state=state, finished_at=request.created_at)

    with transitions.locked(pk=request.pk) as (held, tasks):
        dispatch.dispatch_ready(held, tasks)
    assert (states(request), OutboxMessage.objects.count()) == (["completed", "pending", "pending"], 1)


def test_a_queued_task_of_an_aborted_request_is_skipped_by_the_worker_that_takes_it() -> None:
    """F35: should one ever be left, its message ends it."""
    serve(item())
    request = submitted("database-small-test")
    ResourceRequest.objects.filter(pk=request.pk).update(state="aborted", finished_at=request.created_at)

    assert progress.start(lease_of(task_of(request))) is progress.Claim.PARENT_ENDED
    assert states(request) == ["skipped"]


_ID = uuid.UUID("01a20000-0000-7000-8000-000000000001")


def test_a_message_is_read_as_it_was_sent() -> None:
    serve(item())
    request = submitted("database-small-test")
    assert dispatch.read(OutboxMessage.objects.get().args) == (task_of(request).pk, 1)


@pytest.mark.parametrize(
    "args",
    [[], [str(_ID)], [str(_ID), 1, 2], ["x", 1], [str(_ID), "1"], [str(_ID), 1.0], [str(_ID), None], [_ID, 1], "ab"],
    ids=str,
)
def test_other_arguments_are_no_message_of_ours(args: Any) -> None:
    """F27."""
    with pytest.raises(ValueError, match=r"not a task's id|badly formed"):
        dispatch.read(args)


def _sends(task: FulfillmentTask) -> int:
    return FulfillmentTask.objects.get(pk=task.pk).sends
