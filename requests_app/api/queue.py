"""The API of the queue, for operators: live messages, groups, dead letters, and what is decided about these.

All of it is read from the ledger; nothing here receives from a queue.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from pao.api.envelope import answer
from pao.api.idempotency import idempotent
from pao.api.pagination import PAGE_PARAMETERS, paginate
from pao.api.permissions import IsOperator
from pao.api.schema import ERRORS
from pao.api.sparse import Selection
from pao.api.views import ApiView
from pao.core.context import Principal
from pao.core.errors import MessageNotFound
from queueops import dead_letters
from queueops.models import DeadLetter, DeadLetterCause, DeadLetterStatus
from requests_app import queue
from requests_app.api import queue_shapes as shapes
from requests_app.api.views import POLL_SECONDS
from requests_app.redrive import MOST_AT_ONCE, chosen, of_group, redrive, redrive_each, refusals, tasks_of

_LIMIT = OpenApiParameter("limit", OpenApiTypes.INT, description="1 to 200, default 50.")
_CURSOR = OpenApiParameter("cursor", OpenApiTypes.STR, description="From `page` of an earlier answer.")
_FIELDS = OpenApiParameter("fields", OpenApiTypes.STR, description="Members to return, dotted, with commas.")
_MESSAGE_FIELDS = tuple(shapes.MessageShape().fields)
_GROUP_FIELDS = tuple(shapes.GroupMessageShape().fields)
_LETTER_FIELDS = (*shapes.DeadLetterShape().fields, *(f"refusal.{name}" for name in shapes.RefusalShape().fields))
_OF_MESSAGE = ("not_before", "sent_at", "send_failures")
_OF_TASK = ("task_state", "request_id", "request_state", "refusal")


class MessagesView(ApiView):
    """The live messages of tasks."""

    permission_classes = [IsOperator]
    query_parameters: ClassVar = {"GET": (*PAGE_PARAMETERS, "state", "fields")}

    @extend_schema(
        operation_id="queue_messages_list",
        summary="List live messages",
        parameters=[
            _LIMIT,
            _CURSOR,
            OpenApiParameter("state", OpenApiTypes.STR, enum=queue.LIVE, description="State of the message's task."),
            _FIELDS,
        ],
        responses=shapes.MessageShape(many=True),
    )
    def get(self, request: Request) -> Response:
        """Return one page of the messages that wait for a worker or are with one, that which waits longest first.

        A message that is to be sent later is among them, with its `not_before`. Messages of syncs are not: GET
        /catalog/syncs tells of those.
        """
        selection = Selection.parse(self.parameters.text("fields"), _MESSAGE_FIELDS)
        state = self.parameters.choice("state", queue.LIVE)
        page = paginate(
            queue.live_tasks(self.principal.tenant, (state,) if state else queue.LIVE),
            parameters=self.parameters,
            principal=self.principal,
            scope="queue-messages",
            filters={"state": state},
            order="queued_at",
        )
        messages = queue.messages_of(page.rows if any(map(selection.wants, _OF_MESSAGE)) else ())
        rows = [shapes.message_row(task, messages.get(task.pk)) for task in page.rows]
        return answer(selection.apply(rows), page=page.as_dict(), headers=page.headers(request))


class GroupView(ApiView):
    """The messages of one group."""

    permission_classes = [IsOperator]
    query_parameters: ClassVar = {"GET": (*PAGE_PARAMETERS, "fields")}

    @extend_schema(
        operation_id="queue_group_list",
        summary="List the messages of a group",
        parameters=[_LIMIT, _CURSOR, _FIELDS],
        responses=shapes.GroupMessageShape(many=True),
    )
    def get(self, request: Request, group_id: str) -> Response:
        """Return every message that was ever written for a group, in order, with what became of each.

        A request's id means all its messages. In a parallel bundle each component is a group: the request's id, a colon
        and the component's id.
        """
        selection = Selection.parse(self.parameters.text("fields"), _GROUP_FIELDS)
        if not group_id.isprintable():
            raise MessageNotFound("There is no such group.")
        found = queue.group(group_id, self.principal.tenant)
        page = paginate(
            found,
            parameters=self.parameters,
            principal=self.principal,
            scope="queue-group",
            filters={"group": group_id},
            order="id",
        )
        if not page.rows and not found.exists():
            raise MessageNotFound(f"There is no message of the group {group_id}.")
        statuses = queue.statuses(page.rows if selection.wants("status") else ())
        rows = [shapes.group_row(message, statuses.get(message.pk, "")) for message in page.rows]
        return answer(selection.apply(rows), page=page.as_dict(), headers=page.headers(request))


class DeadLettersView(ApiView):
    """The dead letters."""

    permission_classes = [IsOperator]
    query_parameters: ClassVar = {"GET": (*PAGE_PARAMETERS, "status", "cause", "group", "fields")}

    @extend_schema(
        operation_id="queue_dlq_list",
        summary="List dead letters",
        parameters=[
            _LIMIT,
            _CURSOR,
            OpenApiParameter("status", OpenApiTypes.STR, enum=DeadLetterStatus.values),
            OpenApiParameter("cause", OpenApiTypes.STR, enum=DeadLetterCause.values),
            OpenApiParameter("group", OpenApiTypes.STR, description="A request's id, or a whole group id."),
            _FIELDS,
        ],
        responses=shapes.DeadLetterShape(many=True),
    )
    def get(self, request: Request) -> Response:
        """Return one page of dead letters, newest first: why each died, what to do, and whether it can be redriven."""
        selection = Selection.parse(self.parameters.text("fields"), _LETTER_FIELDS)
        filters = {
            "status": self.parameters.choice("status", DeadLetterStatus.values),
            "cause": self.parameters.choice("cause", DeadLetterCause.values),
        }
        group = self.parameters.text("group")
        found = dead_letters.letters_of(self.principal.tenant)
        found = found.filter(**{name: value for name, value in filters.items() if value})
        page = paginate(
            of_group(found, group) if group else found,
            parameters=self.parameters,
            principal=self.principal,
            scope="dead-letters",
            filters=filters | {"group": group},
            order="-id",
        )
        rows = _rows(page.rows, with_tasks=any(map(selection.wants, _OF_TASK)))
        return answer(selection.apply(rows), page=page.as_dict(), headers=page.headers(request))


class RedriveView(ApiView):
    """The verb redrive, about one dead letter."""

    permission_classes = [IsOperator]
    query_parameters: ClassVar = {"POST": ()}
    idempotency = "optional"

    @extend_schema(
        operation_id="queue_dlq_redrive",
        summary="Redrive a dead letter",
        request=shapes.RedriveBody,
        responses={202: shapes.DeadLetterShape},
        extensions={ERRORS: [409]},
    )
    def post(self, request: Request, message_id: str) -> Response:
        """Send the message again, once its cause is mended; 409 with the reason when that would do nothing."""
        body = shapes.RedriveBody(data=request.data)
        body.is_valid(raise_exception=True)
        with idempotent(request) as call:
            if call.replay is not None:
                return call.replay
            letter = redrive(message_id=message_id, by=self.principal, **body.validated_data)
            [row] = _rows([letter])
            headers = {"Location": f"/api/v1/requests/{row['request_id']}", "Retry-After": POLL_SECONDS}
            return call.answer(row, status=202, headers=headers)


class DiscardView(ApiView):
    """The verb discard."""

    permission_classes = [IsOperator]
    query_parameters: ClassVar = {"POST": ()}
    idempotency = "optional"

    @extend_schema(
        operation_id="queue_dlq_discard",
        summary="Discard a dead letter",
        request=shapes.DiscardBody,
        responses={200: shapes.DeadLetterShape},
        extensions={ERRORS: [409]},
    )
    def post(self, request: Request, message_id: str) -> Response:
        """Lay a letter aside for good, with a reason. It is kept; its task and request stay as they are."""
        body = shapes.DiscardBody(data=request.data)
        body.is_valid(raise_exception=True)
        with idempotent(request) as call:
            if call.replay is not None:
                return call.replay
            letter = dead_letters.discard(message_id=message_id, by=self.principal, **body.validated_data)
            return call.answer(_rows([letter])[0])


class RedriveManyView(ApiView):
    """The verb redrive, about several dead letters."""

    permission_classes = [IsOperator]
    query_parameters: ClassVar = {"POST": ()}
    idempotency = "optional"

    @extend_schema(
        operation_id="queue_dlq_redrive_many",
        summary="Redrive several dead letters",
        request=shapes.RedriveManyBody,
        responses={200: shapes.ResultsShape},
    )
    def post(self, request: Request) -> Response:
        """Redrive each letter chosen for itself, 100 at most, and tell of each what became of it."""
        body = shapes.RedriveManyBody(data=request.data)
        body.is_valid(raise_exception=True)
        with idempotent(request) as call:
            return call.replay or call.answer(_redriven(body.validated_data, self.principal))


def _rows(letters: list[DeadLetter], *, with_tasks: bool = True) -> list[dict[str, Any]]:
    tasks = tasks_of(letters) if with_tasks else {}
    refused = refusals(letters, tasks)
    return [shapes.letter_row(letter, tasks.get(letter.pk), refused[letter.pk]) for letter in letters]


def _redriven(body: dict[str, Any], by: Principal) -> dict[str, Any]:
    """Redrive what a body chooses, or tell what would be done, and where to go on."""
    wanted = list(dict.fromkeys(body.get("ids", ())))
    found = chosen(by.tenant, ids=wanted, group=body.get("group", ""), cause=body.get("cause", ""))
    if "after" in body:
        found = found.filter(pk__gt=body["after"])
    letters = list(found[: MOST_AT_ONCE + 1])
    more, letters = len(letters) > MOST_AT_ONCE, letters[:MOST_AT_ONCE]
    results = [*_tried(letters, body, by), *_unknown(wanted, letters)]
    outcomes = Counter(result["outcome"] for result in results)
    return {
        "results": sorted(results, key=lambda result: wanted.index(result["message_id"])) if wanted else results,
        **{outcome: outcomes[outcome] for outcome in shapes.REDRIVE_OUTCOMES},
        "after": str(letters[-1].pk) if more else None,
    }


def _tried(letters: list[DeadLetter], body: dict[str, Any], by: Principal) -> Iterator[Mapping[str, str]]:
    """Yield what became of each letter, or would."""
    if body["dry_run"]:
        foreseen = refusals(letters)
        for letter in letters:
            yield shapes.result_row(letter.message_id, foreseen[letter.pk], shapes.WOULD_BE_REDRIVEN)
    else:
        for done in redrive_each(letters, by=by, reason=body["reason"]):
            yield shapes.result_row(done.letter.message_id, done.refusal, shapes.REDRIVEN)


def _unknown(wanted: list[str], letters: list[DeadLetter]) -> Iterator[Mapping[str, str]]:
    """Yield the refusal of each id that is no letter's."""
    for message_id in sorted(set(wanted) - {letter.message_id for letter in letters}):
        yield shapes.result_row(message_id, MessageNotFound(f"There is no dead letter {message_id}."), "")
