"""Idempotency keys: a call repeated with its key has one effect and one answer (F01 to F09, idempotency contract).

    with idempotent(request, required=True) as call:
        if call.replay is not None:
            return call.replay
        ...the effect, in this same transaction...
        return call.answer(data, status=202, headers={"Location": ...})

The key is inserted first, in the transaction of the effect. An advisory lock, held to the end of that transaction,
tells a repeat that the first call is still running without making it wait on a connection (409). An exception rolls
back key and effect alike, so failed calls store nothing. Raise errors inside the block; never return them.
"""

import hashlib
import json
import re
import uuid
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils.crypto import constant_time_compare, salted_hmac
from rest_framework.request import Request
from rest_framework.response import Response

from pao.api.envelope import Envelope, EnvelopeRenderer, answer
from pao.api.models import IdempotencyKey
from pao.core.clock import now
from pao.core.context import Principal
from pao.core.errors import IdempotencyInProgress, IdempotencyKeyRequired, IdempotencyKeyReused
from pao.core.ids import new_id
from pao.identity import principal_of

KEY_HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotent-Replayed"
DEFAULT_LIFE = timedelta(hours=24)
_WITH_ITS_REQUEST = datetime(9999, 12, 31, tzinfo=UTC)
_KEY = re.compile(r"[!-~]{1,255}", re.ASCII)

# One statement: takes the lock, and inserts unless the lock or the row is already there.
_CLAIM = """
    INSERT INTO api_idempotencykey
        (id, tenant, created_at, principal, endpoint, key, fingerprint, headers, body, expires_at)
    SELECT %s::uuid, %s, %s::timestamptz, %s, %s, %s, %s, '{}'::jsonb, '', %s::timestamptz
    WHERE pg_try_advisory_xact_lock(%s::bigint)
    ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True)
class Scope:
    """Whose key it is, where it was used, and with what body."""

    principal: Principal
    endpoint: str
    key: str
    canonical_body: bytes

    @property
    def fingerprint(self) -> str:
        """The keyed hash of the body, from which no value can be recovered."""
        return self._fingerprint(settings.SECRET_KEY)

    def matches(self, fingerprint: str) -> bool:
        """Tell whether a stored fingerprint is of this body, also across a change of SECRET_KEY."""
        secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
        return any(constant_time_compare(fingerprint, self._fingerprint(secret)) for secret in secrets)

    @property
    def lock_number(self) -> int:
        """The 64-bit number of the advisory lock."""
        name = f"{self.principal.tenant}\n{self.principal.id}\n{self.endpoint}\n{self.key}"
        return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), signed=True)

    def _fingerprint(self, secret: str | bytes) -> str:
        keyed = salted_hmac("pao.api.idempotency", self.canonical_body, secret=secret, algorithm="sha256")
        return keyed.hexdigest()


class IdempotentCall:
    """One guarded call: either a replay of an earlier one, or the first, whose answer is to be stored."""

    def __init__(self, *, row_id: Any = None, replay: Response | None = None) -> None:
        self._row_id = row_id
        self.replay = replay
        self.answered = replay is not None

    def answer(
        self,
        data: Any,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        kept_with: uuid.UUID | None = None,
    ) -> Response:
        """Store the answer beside its effect and return it. Raises ValueError for a status of 400 or more.

        The key lives as long as the request `kept_with`, when one is given (F09): until `forget`.
        """
        if status >= HTTPStatus.BAD_REQUEST:
            raise ValueError("Raise the error inside the block, so that key and effect are rolled back together.")
        self.answered = True
        response = answer(data, status=status, headers=headers)
        if self._row_id is not None:
            body = EnvelopeRenderer().render(response.data).decode()
            stored = IdempotencyKey.objects.filter(id=self._row_id)
            life = {} if kept_with is None else {"kept_with": kept_with, "expires_at": _WITH_ITS_REQUEST}
            stored.update(status=status, headers=dict(headers or {}), body=body, **life)
        return response


@contextmanager
def idempotent(
    request: Request, *, required: bool = False, endpoint: str = "", life: timedelta = DEFAULT_LIFE
) -> Iterator[IdempotentCall]:
    """Guard the rest of the block by the request's Idempotency-Key, in one transaction.

    Without a key the block runs unguarded, unless `required`. `endpoint` defaults to method and path.
    Raises IdempotencyKeyRequired (missing or malformed), IdempotencyKeyReused, IdempotencyInProgress.
    """
    key = request.headers.get(KEY_HEADER)
    where = endpoint or f"{request.method} {request.path}"
    with guard(principal_of(request), key, endpoint=where, body=request.data, required=required, life=life) as call:
        yield call


@contextmanager
def guard(
    principal: Principal,
    key: str | None,
    *,
    endpoint: str,
    body: Any,
    required: bool = False,
    life: timedelta = DEFAULT_LIFE,
) -> Iterator[IdempotentCall]:
    """Do as `idempotent` does, for callers without an API request, such as a form's hidden key."""
    if key is None and required:
        raise IdempotencyKeyRequired
    if key is not None and not _KEY.fullmatch(key):
        raise IdempotencyKeyRequired("The Idempotency-Key must have 1 to 255 visible ASCII characters.")
    with transaction.atomic():
        call = IdempotentCall()
        if key is not None:
            call = _claim(Scope(principal, endpoint, key, canonical(body)), life)
        yield call
        if not call.answered:
            raise RuntimeError(f"{endpoint} ended without call.answer(), so nothing of it was stored.")


def canonical(body: Any) -> bytes:
    """Return the body in the one spelling that is compared: members sorted, no white space, UTF-8."""
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def purge_expired(before: datetime | None = None) -> int:
    """Delete the keys that ran out before the moment (else: now) and return how many (F09)."""
    deleted, _ = IdempotencyKey.objects.filter(expires_at__lt=before or now()).delete()
    return deleted


def forget(requests: Collection[uuid.UUID]) -> int:
    """Delete the keys that live as long as these requests, for they are being removed; return how many."""
    deleted, _ = IdempotencyKey.objects.filter(kept_with__in=requests).delete()
    return deleted


def _claim(scope: Scope, life: timedelta) -> IdempotentCall:
    row_id = new_id()
    if _insert(scope, row_id, life):
        return IdempotentCall(row_id=row_id)
    # READ COMMITTED: this statement sees a call that ended since. None here means that it runs still, or failed.
    row = IdempotencyKey.objects.filter(
        tenant=scope.principal.tenant, principal=scope.principal.id, endpoint=scope.endpoint, key=scope.key
    ).first()
    if row is not None and row.expires_at <= now():
        # Two callers may find the expired row; whoever deletes it goes on, the other meets the lock.
        IdempotencyKey.objects.filter(id=row.id).delete()
        if _insert(scope, row_id, life):
            return IdempotentCall(row_id=row_id)
        row = None
    if row is None:
        raise IdempotencyInProgress
    if not scope.matches(row.fingerprint):
        raise IdempotencyKeyReused
    headers = {**row.headers, REPLAYED_HEADER: "true"}
    return IdempotentCall(replay=Response(Envelope(json.loads(row.body)), status=row.status, headers=headers))


def _insert(scope: Scope, row_id: Any, life: timedelta) -> bool:
    moment = now()
    values = [row_id, scope.principal.tenant, moment, scope.principal.id, scope.endpoint, scope.key]
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, [*values, scope.fingerprint, moment + life, scope.lock_number])
        return bool(cursor.rowcount)
