"""The errors of PAO, as one tree.

    PaoError
    ├── BadInput                what the caller sent cannot be accepted
    │   ├── MalformedJson         · ValidationFailed      · InvalidCursor
    │   ├── UnknownField          · UnknownParameter      · IdempotencyKeyRequired
    │   ├── PayloadTooLarge       · UnsupportedMediaType  · IdempotencyKeyReused
    │   └── CatalogInvalid
    ├── Unauthenticated · Forbidden
    │   └── SignatureInvalid
    ├── NotFound
    │   └── CatalogItemNotFound · RequestNotFound · MessageNotFound
    ├── Conflict                the caller is right, the moment is wrong
    │   ├── InvalidTransition     · ItemUnavailable       · FormChanged
    │   ├── IdempotencyInProgress · SyncInProgress
    │   ├── PreconditionFailed    · StaleMessage
    │   └── VersionChanged
    ├── RateLimited
    ├── Unavailable             a part that PAO needs does not answer
    │   └── DatabaseUnavailable · QueueUnavailable · CatalogUnavailable
    ├── Misconfigured           a setting or a queue is not as it must be
    ├── WebhooksOff             no secret is set, so no delivery can be believed
    ├── TemplateError           a value cannot be written where the template wants it
    │   └── TemplateSyntaxError
    │       └── UnknownNamespaceError · ConditionSyntaxError
    ├── SecretUnavailable       a secret that an action names cannot be read
    ├── LeaseLost               another worker, or a person, has taken the task over
    └── ActionFailed            an action did not reach its end
        ├── ConnectFailed         certain: nothing happened outside
        │   └── CircuitOpen         the other side is down, so that nothing is sent to it for a while
        ├── CallRefused           certain: the other side said no
        ├── JobFailed             what was begun outside has failed there
        ├── WaitTimedOut          what was begun outside did not end in time
        └── OutcomeUnknown        it may or may not have happened; a person decides

A class carries its stable `code` and, as docstring, the sentence for people. Codes, sentences and what to do next are
published from this file. HTTP statuses live in pao/api/errors.py alone.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar


@dataclass(frozen=True)
class Detail:
    """One thing that is wrong, and where."""

    field: str
    issue: str
    code: str = ""
    pointer: str = ""

    def as_dict(self) -> dict[str, str]:
        """Return the members that are set, for an answer in JSON."""
        return {name: value for name, value in asdict(self).items() if value}


class PaoError(Exception):
    """Something went wrong inside PAO."""

    code: ClassVar[str] = "INTERNAL_ERROR"
    next_step: ClassVar[str] = "Report the correlation id to the operators of PAO."
    retryable: ClassVar[bool] = False

    def __init__(self, message: str = "", *, details: Sequence[Detail] = (), **facts: Any) -> None:
        """Take a sentence (else the docstring), details by field and any facts worth telling."""
        self.message = message or (type(self).__doc__ or "").strip().splitlines()[0]
        self.details = tuple(details)
        self.facts = facts
        super().__init__(self.message)


class BadInput(PaoError):
    """What was sent cannot be accepted."""

    code = "VALIDATION_ERROR"
    next_step = "Correct what the details name and send it again."


class MalformedJson(BadInput):
    """The body is not JSON that PAO accepts."""

    code = "MALFORMED_JSON"
    next_step = "Send one JSON object in UTF-8, without duplicate members, NaN or NUL."


class ValidationFailed(BadInput):
    """Some values are not what the form asks for."""

    code = "VALIDATION_ERROR"


class InvalidCursor(BadInput):
    """The cursor does not belong to this list."""

    code = "INVALID_CURSOR"
    next_step = "Start again without a cursor, with the same filter."


class UnknownField(BadInput):
    """A member or field is not known here."""

    code = "UNKNOWN_FIELD"
    next_step = "Leave the field out, or use the nearest name given."


class UnknownParameter(BadInput):
    """A query parameter is not known here, or was given twice."""

    code = "UNKNOWN_PARAMETER"
    next_step = "Leave the parameter out, or use the nearest name given."


class IdempotencyKeyRequired(BadInput):
    """This call needs an Idempotency-Key header of 1 to 255 visible characters."""

    code = "IDEMPOTENCY_KEY_REQUIRED"
    next_step = "Send the header Idempotency-Key with a fresh random value, the same one when you repeat the call."


class IdempotencyKeyReused(BadInput):
    """This Idempotency-Key was used with another body."""

    code = "IDEMPOTENCY_KEY_REUSED"
    next_step = "Use a fresh key for a new request; repeat the exact body to get the first answer again."


class PayloadTooLarge(BadInput):
    """The body is larger than PAO accepts."""

    code = "PAYLOAD_TOO_LARGE"
    next_step = "Send less than the limit named."


class UnsupportedMediaType(BadInput):
    """The body, or the file in it, is of a kind that is not taken here."""

    code = "UNSUPPORTED_MEDIA_TYPE"
    next_step = "Send application/json; to an upload, multipart/form-data with a file of a kind that its field accepts."


class CatalogInvalid(BadInput):
    """The catalog documents have errors."""

    code = "CATALOG_INVALID"
    next_step = "Correct the findings listed, commit, and sync again."


class Unauthenticated(PaoError):
    """PAO does not know who is calling."""

    code = "UNAUTHENTICATED"
    next_step = "Sign in, or send credentials with the call."


class SignatureInvalid(Unauthenticated):
    """The delivery does not carry the signature of its body."""

    code = "SIGNATURE_INVALID"
    next_step = "Sign the body as it is sent, with HMAC-SHA-256 and one of the secrets that PAO has."


class Forbidden(PaoError):
    """You may see this, but not do that."""

    code = "FORBIDDEN"
    next_step = "Ask an operator, or the team that owns the entry."


class NotFound(PaoError):
    """There is nothing here that you may see."""

    code = "NOT_FOUND"
    next_step = "Check the address; ask its owner whether you may see it."


class CatalogItemNotFound(NotFound):
    """The catalog has no such entry."""

    code = "CATALOG_ITEM_NOT_FOUND"
    next_step = "Look the id up in the catalog."


class RequestNotFound(NotFound):
    """There is no such request that you may see."""

    code = "REQUEST_NOT_FOUND"
    next_step = "Look the id up among your requests."


class MessageNotFound(NotFound):
    """PAO has no such message."""

    code = "MESSAGE_NOT_FOUND"
    next_step = "Look the id up among the messages of the queue, or among the dead letters."


class Conflict(PaoError):
    """The present state does not allow this."""

    code = "INVALID_STATE_TRANSITION"
    next_step = "Read the present state and choose one of the actions it allows."


class InvalidTransition(Conflict):
    """The present state does not allow this."""

    code = "INVALID_STATE_TRANSITION"


class ItemUnavailable(Conflict):
    """The catalog entry cannot be requested now."""

    code = "ITEM_UNAVAILABLE"
    next_step = "Ask the team that owns the entry; the reason is given."


class FormChanged(Conflict):
    """The form has changed since you loaded it."""

    code = "FORM_CHANGED"
    next_step = "Load the form again, check the values and submit."


class IdempotencyInProgress(Conflict):
    """A call with this Idempotency-Key is still running."""

    code = "IDEMPOTENCY_IN_PROGRESS"
    next_step = "Wait a second and repeat the call with the same key."
    retryable = True


class SyncInProgress(Conflict):
    """A sync of the catalog is running already."""

    code = "SYNC_IN_PROGRESS"
    next_step = "Wait for it to end; it takes the newest commit."
    retryable = True


class PreconditionFailed(Conflict):
    """What you act on has changed since the version that If-Match names."""

    code = "PRECONDITION_FAILED"
    next_step = "Read it again, and decide on what it is now."


class StaleMessage(Conflict):
    """The message would do nothing: what it asks for has moved on."""

    code = "STALE_MESSAGE"
    next_step = "Discard it; when its request waits for a decision, decide there."


class VersionChanged(Conflict):
    """The catalog, or the request, has changed since you saw the difference."""

    code = "VERSION_CHANGED"
    next_step = "Look at the difference again (dry_run), then retry with what it gives as `seen`."


class RateLimited(PaoError):
    """Too many calls in a short time."""

    code = "RATE_LIMITED"
    next_step = "Wait as long as Retry-After says."
    retryable = True


class Unavailable(PaoError):
    """A part that PAO needs does not answer now."""

    code = "MAINTENANCE"
    next_step = "Repeat the call, with the same Idempotency-Key, when the service is back."
    retryable = True


class DatabaseUnavailable(Unavailable):
    """The database does not answer now; whether the change was stored is not known."""

    code = "DATABASE_UNAVAILABLE"


class QueueUnavailable(Unavailable):
    """The queue does not answer now."""

    code = "QUEUE_UNAVAILABLE"


class CatalogUnavailable(Unavailable):
    """The catalog's repository cannot be read now; what was served before is served on."""

    code = "CATALOG_UNAVAILABLE"
    next_step = "Read git's words: make the repository reachable, or correct PAO_CATALOG_REPOSITORY, then sync again."


class Misconfigured(PaoError):
    """A setting is missing, wrong or unsafe."""

    code = "MISCONFIGURED"
    next_step = "Set the value named, then start again."


class WebhooksOff(PaoError):
    """PAO takes no deliveries here: no secret is set to believe them by."""

    code = "WEBHOOKS_OFF"
    next_step = "Set the setting named to the secret of the webhook, then deliver again."


class TemplateError(PaoError):
    """A value cannot be written where the template wants it."""

    code = "TEMPLATE_ERROR"
    next_step = "Nothing was called. Correct the document, or abort and submit with other values."


class TemplateSyntaxError(TemplateError):
    """A template is not written as the catalog contract says."""

    def __init__(self, message: str, offset: int) -> None:
        """Take a sentence, and the position in the template's text (characters from 0) where it goes wrong."""
        super().__init__(message, offset=offset)
        self.offset = offset


class UnknownNamespaceError(TemplateSyntaxError):
    """A reference names another namespace than current, output, metadata and system."""


class ConditionSyntaxError(TemplateSyntaxError):
    """A condition says something that is outside the language of conditions."""


class SecretUnavailable(PaoError):
    """A secret that the action names cannot be read."""

    code = "SECRET_UNAVAILABLE"
    next_step = "Nothing was called. Ask the operators to provide the secret named, then retry."


class LeaseLost(PaoError):
    """The task is no longer this worker's: another attempt, or a person, has taken it over."""

    code = "LEASE_LOST"
    next_step = "Nothing to do: the newer attempt goes on, and this one stopped before its next call."


class ActionFailed(PaoError):
    """The action did not reach its end."""

    code = "ACTION_FAILED"
    next_step = "Read the cause, then retry or abort."


class ConnectFailed(ActionFailed):
    """The other side could not be reached; nothing happened there."""

    code = "CONNECT_FAILED"
    next_step = "Nothing happened outside. Retry when the service is reachable."


class CircuitOpen(ConnectFailed):
    """The other side is down; nothing is sent to it for a while."""

    code = "CIRCUIT_OPEN"
    next_step = "Nothing was sent. Repeat the call when the other side answers again."
    retryable = True


class CallRefused(ActionFailed):
    """The other side refused the call; nothing happened there."""

    code = "CALL_REFUSED"
    next_step = "Nothing happened outside. Correct what the other side names, then retry."


class JobFailed(ActionFailed):
    """What was begun outside has failed there, or can no longer be asked for."""

    code = "JOB_FAILED"
    next_step = "Look at the job at the other side. A retry asks for the same job again, and begins no new one."


class WaitTimedOut(ActionFailed):
    """What was begun outside did not come to its end in time."""

    code = "WAIT_TIMED_OUT"
    next_step = "Look at the other side. A retry waits again and repeats nothing that was done."


class OutcomeUnknown(ActionFailed):
    """It is not known whether the call had its effect."""

    code = "OUTCOME_UNKNOWN"
    next_step = (
        "Look at the other side for the marker given. "
        "Retry adopts what it finds by then; confirm that nothing happened when there is nothing."
    )
