"""Secrets at rest: password fields and secret outputs, sealed with Fernet, never stored readable (B60-B64)."""

import json
from collections.abc import Mapping
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

from pao.core.errors import SecretUnavailable


def seal(values: Mapping[str, Any]) -> str:
    """Return the values as one sealed text, empty for no values. Raises `SecretUnavailable` without a key."""
    return _fernet().encrypt(json.dumps(dict(values)).encode()).decode() if values else ""


def unseal(sealed: str) -> dict[str, Any]:
    """Return what `seal` was given. Raises `SecretUnavailable` when no key opens it."""
    if not sealed:
        return {}
    try:
        values: dict[str, Any] = json.loads(_fernet().decrypt(sealed.encode()))
    except InvalidToken:
        raise SecretUnavailable("No key in PAO_SEALING_KEYS opens the sealed values.") from None
    return values


def _fernet() -> MultiFernet:
    if not settings.PAO_SEALING_KEYS:
        raise SecretUnavailable("PAO_SEALING_KEYS is empty, so secrets can be neither sealed nor opened.")
    return MultiFernet([Fernet(key) for key in settings.PAO_SEALING_KEYS])
