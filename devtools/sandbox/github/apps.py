"""Installations of GitHub Apps: a signed JWT is exchanged for a token that lives an hour."""

import base64
import json
import secrets
from datetime import timedelta
from typing import Any

from devtools.sandbox.github import shapes
from devtools.sandbox.github.words import guarded, not_found, refused
from devtools.sandbox.web import Answer, Request, Router, json_answer
from pao.core import clock

LONGEST_SECONDS = 600
INSTALLATION = "1"


class Apps:
    """Answers /app/…; the signature of a JWT is not checked here, for nobody has told the sandbox a key."""

    def add_routes(self, router: Router) -> None:
        """Add this part's routes."""
        router.add("POST", "/app/installations/{installation}/access_tokens", guarded(self.create_token))

    def create_token(self, request: Request) -> Answer:
        """Return a new token; 401 as GitHub words it when the JWT is none, expired, or made for too long."""
        claims = _claims(request.headers["authorization"].partition(" ")[2])
        if claims is None:
            raise refused(401, "A JSON web token could not be decoded")
        at = clock.now().timestamp()
        if not isinstance(claims.get("exp"), int | float) or claims["exp"] < at:
            raise refused(401, "'Expiration time' claim ('exp') must be a numeric value representing the future time")
        if claims["exp"] > at + LONGEST_SECONDS:
            raise refused(401, "'Expiration time' claim ('exp') is too far in the future")
        if not claims.get("iss"):
            raise refused(401, "'Issuer' claim ('iss') must be an Integer")
        if request.params["installation"] != INSTALLATION:
            raise not_found()
        expires = shapes.moment(clock.now() + timedelta(hours=1))
        answer = {"token": f"ghs_{secrets.token_hex(18)}", "expires_at": expires, "repository_selection": "all"}
        return json_answer(answer | {"permissions": {"contents": "write", "pull_requests": "write"}}, 201)


def _claims(token: str) -> dict[str, Any] | None:
    parts = token.split(".")
    try:
        header, claims, _ = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in (*parts[:2], "e30"))
    except (ValueError, IndexError):
        return None
    is_signed = len(parts) == 3 and parts[2] and header.get("alg") == "RS256"  # noqa: PLR2004 - the parts of a JWT
    return claims if is_signed and isinstance(claims, dict) else None
