"""Believing a webhook's delivery: HMAC-SHA-256 over the body as it came, before anything of it is read (B67, B69)."""

import hmac
import re
import threading
from hashlib import sha256
from typing import Any, ClassVar, NoReturn

import structlog
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from pao.audit import facts
from pao.core.clock import monotonic
from pao.core.context import Principal
from pao.core.errors import PayloadTooLarge, SignatureInvalid, WebhooksOff
from pao.database import AWAY

MOST_BYTES = 25 * 1024 * 1024
"""The largest payload that GitHub sends."""
REFUSALS_SECONDS = 60.0
STRANGER = Principal(id="anonymous", method="none")
_WELL_FORMED = re.compile(r"sha256=([0-9a-f]{64})", re.ASCII)
log = structlog.get_logger(__name__)


class Signature(BaseAuthentication):
    """A header with `sha256=` and the hexadecimal HMAC of the raw body, by one of the secrets of a setting."""

    header: ClassVar[str]
    setting: ClassVar[str]
    source: ClassVar[str]

    def authenticate(self, request: Request) -> tuple[Any, bytes]:
        """Return nobody in particular and, as the proof, the raw body.

        Raises `WebhooksOff` when no secret is set, `PayloadTooLarge`, `SignatureInvalid` for everything else.
        """
        secrets = [secret.encode() for secret in getattr(settings, self.setting) if secret]
        if not secrets:
            raise WebhooksOff(f"PAO takes no deliveries here: {self.setting} is not set.")
        _check_size(request)
        given = _WELL_FORMED.fullmatch(request.headers.get(self.header, ""))
        if given is None:
            self._refuse(f"The header {self.header} is missing, or is not sha256= and 64 hexadecimal digits.")
        # Django's own bound is for forms and JSON of people, and is smaller.
        raw = bytes(request._request.read(MOST_BYTES))  # noqa: SLF001 - REST framework's way to Django's request
        expected = [hmac.new(secret, raw, sha256).hexdigest() for secret in secrets]
        # Every secret is compared, whichever fits: the time tells nothing.
        if not sum(hmac.compare_digest(given[1], one) for one in expected):
            self._refuse(f"The header {self.header} is not the signature of this body.")
        return AnonymousUser(), raw

    def authenticate_header(self, request: Request) -> str:
        """Return the challenge of a 401 answer."""
        return self.header

    def _refuse(self, reason: str) -> NoReturn:
        count = refusals.one_more()
        if count:
            log.warning("webhook.refused", source=self.source, reason=reason, count=count)
            _audit(self.source, reason, count)
        raise SignatureInvalid(reason, challenge=self.header)


class GithubSignature(Signature):
    """The header `X-Hub-Signature-256` of GitHub."""

    header: ClassVar = "X-Hub-Signature-256"
    setting: ClassVar = "PAO_GITHUB_WEBHOOK_SECRETS"
    source: ClassVar = "github"


class IsSigned(BasePermission):
    """A call whose body carries a good signature."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Tell whether the signature was found good."""
        return request.auth is not None


class SignatureScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call] # untyped in the package
    """Describes the signature."""

    target_class = "catalog.api.signature.GithubSignature"
    name = "signature"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        """Return the header."""
        description = "`sha256=` and the HMAC-SHA-256 of the body, in hexadecimal, by a secret that both sides have."
        return {"type": "apiKey", "in": "header", "name": self.target.header, "description": description}


class Refusals:
    """Counts what is refused, and lets it be told once in a while only: strangers must not fill the audit log."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._told_at = float("-inf")
        self._count = 0

    def one_more(self) -> int:
        """Count one; return how many there are to tell of now, mostly none."""
        with self._lock:
            self._count += 1
            if monotonic() < self._told_at + REFUSALS_SECONDS:
                return 0
            count, self._count, self._told_at = self._count, 0, monotonic()
            return count


refusals = Refusals()


def _audit(source: str, reason: str, count: int) -> None:
    """Store the fact; a database that is away must not make a stranger's call look like a fault of ours."""
    try:
        facts.webhooks_refused(source=source, reason=reason, count=count, by=STRANGER)
    except AWAY as error:
        log.warning("webhook.refusal_not_audited", error=str(error))


def _check_size(request: Request) -> None:
    """Raise PayloadTooLarge by the length that is declared; Django reads no more than that, and nothing without one."""
    try:
        declared = int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        declared = 0
    if declared > MOST_BYTES:
        raise PayloadTooLarge(f"The body is larger than {MOST_BYTES} bytes.")
