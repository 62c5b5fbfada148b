"""The queue in numbers, for operators."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from fulfillment.queue_stats import as_dict, queue_stats
from pao.api.envelope import answer
from pao.api.permissions import IsOperator
from pao.api.views import ApiView


class CountersShape(serializers.Serializer[Any]):
    """What SQS says of a queue: approximate, from its attributes; null when SQS does not answer."""

    name = serializers.CharField()
    visible = serializers.IntegerField(
        allow_null=True, help_text="SQS: ApproximateNumberOfMessages, those that wait to be received."
    )
    in_flight = serializers.IntegerField(
        allow_null=True,
        help_text="SQS: ApproximateNumberOfMessagesNotVisible, those received and not acknowledged yet.",
    )
    delayed = serializers.IntegerField(
        allow_null=True,
        help_text="SQS: ApproximateNumberOfMessagesDelayed. PAO lets messages wait in the outbox: see `outbox`.",
    )


class MainQueueShape(CountersShape):
    """The queue of the workers."""

    oldest_age_seconds = serializers.IntegerField(
        allow_null=True,
        help_text="Ledger: since the task that waits longest for a worker was queued; null when none waits.",
    )


class DeadLetterQueueShape(CountersShape):
    """The dead-letter queue, whose messages the relay moves into the ledger."""

    open = serializers.IntegerField(help_text="Ledger: dead letters that wait for a decision.")
    oldest_age_seconds = serializers.IntegerField(
        allow_null=True,
        help_text="Ledger: since the oldest of these was taken into the ledger; null when none is open.",
    )


class QueueErrorShape(serializers.Serializer[Any]):
    """Why there are no counters."""

    code = serializers.CharField()
    message = serializers.CharField()


class TaskCountsShape(serializers.Serializer[Any]):
    """Tasks by state, from the ledger."""

    queued = serializers.IntegerField(help_text="Wait for a worker.")
    processing = serializers.IntegerField(help_text="Are with a worker, by the ledger.")
    waiting = serializers.IntegerField(help_text="Wait for something outside, without a message and without a worker.")
    stuck = serializers.IntegerField(help_text="Wait for a person: no worker could take them, or workers were lost.")


class OutboxShape(serializers.Serializer[Any]):
    """What the relay has not sent, from the ledger."""

    unsent = serializers.IntegerField(help_text="Due. More than a few for long: the relay, or SQS, is away.")
    oldest_age_seconds = serializers.IntegerField(
        allow_null=True, help_text="Since the oldest of these is due; null when none is."
    )
    delayed = serializers.IntegerField(help_text="Written, and to be sent at a later moment.")


class RateShape(serializers.Serializer[Any]):
    """What came, and what ended, within the last seconds; counted in the ledger, by the clock of this process."""

    seconds = serializers.IntegerField(help_text="How far it looks back.")
    arrived = serializers.IntegerField(help_text="Messages written to the outbox, of tasks and syncs.")
    processed = serializers.IntegerField(help_text="Attempts that ended, whatever came of them; no syncs.")
    arrived_per_minute = serializers.FloatField(help_text="The mean of the window.")
    processed_per_minute = serializers.FloatField(help_text="The mean of the window.")


class WorkerShape(serializers.Serializer[Any]):
    """A process that took a task within the last hour, from the ledger's attempts: an idle one is not listed."""

    name = serializers.CharField(help_text="Host and process.")
    last_seen_at = serializers.DateTimeField(help_text="When its newest attempt began, or ended.")
    attempts = serializers.IntegerField(help_text="Begun within the hour.")
    running = serializers.IntegerField(help_text="Of these, not ended yet.")


class StatsShape(serializers.Serializer[Any]):
    """The queue in numbers."""

    main = MainQueueShape()
    dead_letters = DeadLetterQueueShape()
    queue_error = QueueErrorShape(allow_null=True)
    tasks = TaskCountsShape()
    outbox = OutboxShape()
    rates = RateShape(many=True)
    workers = WorkerShape(many=True)


class StatsView(ApiView):
    """The queue in numbers."""

    permission_classes = [IsOperator]
    query_parameters: ClassVar = {"GET": ()}

    @extend_schema(operation_id="queue_stats", summary="Count what waits, runs and died", responses=StatsShape)
    def get(self, request: Request) -> Response:
        """Return depths, ages, rates and workers.

        When SQS does not answer, this is 200 all the same: `queue_error` says QUEUE_UNAVAILABLE, the counters are null,
        and what the ledger knows is given.
        """
        return answer(as_dict(queue_stats(self.principal.tenant)))
