"""Signing in as a GitHub App: a short-lived JWT, signed with the App's key, is exchanged for an installation's token.

GitHub's documentation, "Generating an installation access token": RS256, valid ten minutes at most, issued a minute ago
for clocks that differ; the token that comes back lives an hour.
"""

import base64
import json
from datetime import datetime
from threading import Lock
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from pao.clients.destinations import Destinations
from pao.clients.http import HttpDoor
from pao.core import clock
from pao.core.errors import CallRefused, ConnectFailed, Misconfigured, OutcomeUnknown

MARGIN_SECONDS = 300.0
JWT_SECONDS = 540
BACKDATED_SECONDS = 60


class AppInstallation:
    """One installation of an App; safe to use from any thread. Its token is kept until shortly before it expires."""

    def __init__(self, url: str, app_id: str, installation: str, key: str, *, door: HttpDoor) -> None:
        """Take the API's address, the App's id, the installation's number and the private key (PEM).

        Raises `Misconfigured` for a key that is none.
        """
        self._url = f"{url.rstrip('/')}/app/installations/{installation}/access_tokens"
        self._app_id = app_id
        self._key = _private_key(key)
        self._policy = Destinations.of([url], setting="PAO_GITHUB_URL", loopback=True)
        self._door = door
        self._lock = Lock()
        self._token, self._until = "", 0.0

    def token(self, *, not_after: float | None = None) -> str:
        """Return the installation's token, asked for when there is none that is good for a while.

        Raises `CallRefused` when GitHub says no, `ConnectFailed` when it gives none: nothing was called with it.
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

    def signed(self) -> str:
        """Return a JWT of the App, good for a few minutes."""
        at = int(clock.now().timestamp())
        claims = {"iat": at - BACKDATED_SECONDS, "exp": at + JWT_SECONDS, "iss": self._app_id}
        told = ".".join(_encoded(part) for part in ({"alg": "RS256", "typ": "JWT"}, claims))
        signature = self._key.sign(told.encode("ascii"), padding.PKCS1v15(), hashes.SHA256())
        return f"{told}.{_base64(signature)}"

    def _issued(self, not_after: float | None) -> tuple[str, float]:
        headers = {"Accept": "application/vnd.github+json", "Authorization": f"Bearer {self.signed()}"}
        try:
            answer = self._door.call("POST", self._url, policy=self._policy, headers=headers, not_after=not_after)
            said = answer.json()
            expires = datetime.fromisoformat(said["expires_at"])
            return str(said["token"]), (expires - clock.now()).total_seconds()
        except OutcomeUnknown as error:
            raise ConnectFailed(f"GitHub issued no token to the App. {error.message}", **error.facts) from error
        except CallRefused as error:
            hint = "Check PAO_GITHUB_APP_ID, PAO_GITHUB_APP_INSTALLATION and PAO_GITHUB_APP_KEY."
            raise CallRefused(f"GitHub issued no token to the App. {error.message} {hint}", **error.facts) from error
        except (ValueError, KeyError, TypeError) as error:
            raise ConnectFailed("GitHub answered with something else than a token of the App.") from error


def _private_key(text: str) -> rsa.RSAPrivateKey:
    # Environments hold one line; the line breaks of a PEM then come as \n.
    try:
        key = serialization.load_pem_private_key(text.replace("\\n", "\n").encode(), password=None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise Misconfigured("PAO_GITHUB_APP_KEY is no RSA private key in PEM, without a password. Nothing was called.")
    return key


def _encoded(part: dict[str, Any]) -> str:
    return _base64(json.dumps(part, separators=(",", ":")).encode())


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=")
