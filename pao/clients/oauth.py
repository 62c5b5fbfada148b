"""OAuth 2 client credentials: an access token from where they are issued, kept until shortly before it expires."""

import base64
from collections.abc import Callable
from threading import Lock
from typing import Any
from urllib.parse import quote_plus, urlencode

from pao.clients.destinations import Destinations
from pao.clients.http import HttpDoor
from pao.core import clock
from pao.core.errors import CallRefused, ConnectFailed, OutcomeUnknown

MARGIN_SECONDS = 30.0
USUAL_SECONDS = 300.0
"""How long a token counts whose issuer does not say."""


class ClientCredentials:
    """One client at one issuer; safe to use from any thread. `setting` names what an operator would change."""

    def __init__(self, token_url: str, client_id: str, secret: str, *, setting: str, door: HttpDoor) -> None:
        self._url = token_url
        self._basic = base64.b64encode(f"{quote_plus(client_id)}:{quote_plus(secret)}".encode()).decode("ascii")
        self._policy = Destinations.of([token_url], setting=setting, loopback=True)
        self._setting = setting
        self._door = door
        self._lock = Lock()
        self._token = ""
        self._until = 0.0

    def token(self, *, not_after: float | None = None) -> str:
        """Return an access token, asked for when there is none that is good for a while.

        Raises `CallRefused` when the issuer says no, `ConnectFailed` when it gives none: nothing was called with it.
        """
        with self._lock:
            if clock.monotonic() >= self._until:
                self._token, seconds = self._issued(not_after)
                self._until = clock.monotonic() + max(seconds - MARGIN_SECONDS, 0.0)
            return self._token

    def forget(self, token: str) -> None:
        """Ask anew next time, for this token was refused."""
        with self._lock:
            if token == self._token:
                self._until = 0.0

    def _issued(self, not_after: float | None) -> tuple[str, float]:
        headers = {
            "Authorization": f"Basic {self._basic}",
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
        }
        body = urlencode({"grant_type": "client_credentials"}).encode("ascii")
        try:
            answer = self._door.call(
                "POST", self._url, policy=self._policy, headers=headers, body=body, not_after=not_after
            )
        except OutcomeUnknown as error:
            raise ConnectFailed(f"No access token was issued. {error.message}", **error.facts) from error
        except CallRefused as error:
            # What the issuer wrote may repeat what it was sent.
            facts = {name: value for name, value in error.facts.items() if name != "words"}
            raise CallRefused(
                f"No access token was issued: {self._setting} answered with {error.facts.get('status')}. "
                "Check the client and its secret.",
                **facts,
            ) from None
        return self._read(answer.json)

    def _read(self, parsed: Callable[[], Any]) -> tuple[str, float]:
        try:
            said = parsed()
            token, seconds = said["access_token"], float(said.get("expires_in", USUAL_SECONDS))
            kind = str(said.get("token_type", "bearer")).lower()
        except (ValueError, KeyError, TypeError, AttributeError):
            token, seconds, kind = "", 0.0, ""
        if not isinstance(token, str) or not token or kind != "bearer":
            raise ConnectFailed(f"{self._setting} answered with something else than an access token.")
        return token, seconds
