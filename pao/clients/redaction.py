"""Masking: what may be shown of headers, bodies and addresses in logs, journals and error texts (B59, B60, B66).

Two nets. The first goes by name and place: a header `Authorization`, a member `adminPassword`. The second goes by
value: any secret that is known here, raw or in a derived form, when it has at least `SHORTEST` characters.
"""

import base64
import binascii
import html
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus, urlencode, urlsplit, urlunsplit

MASK = "[secret]"
SHORTEST = 6
MOST = 4096

_TELLING = re.compile(
    r"authorization|cookie|token|passw|passphrase|pwd|secret|apikey|accesskey|privatekey|credential|signature"
)
_SEPARATORS = re.compile(r"[^a-z0-9]")


def is_telling(name: str) -> bool:
    """Whether a header, member or parameter of this name holds a secret, however spelt (`X-Api_Key`, `apiKey`)."""
    return bool(_TELLING.search(_SEPARATORS.sub("", name.lower())))


def masked_text(text: str, secrets: Iterable[str] = (), limit: int = MOST) -> str:
    """Return `text` with every known secret replaced, in raw, JSON, URL, HTML and base64 form, cut at `limit`."""
    for form in _forms(secrets):
        text = text.replace(form, MASK)
    return text if len(text) <= limit else f"{text[: limit - 20]} … (cut)"


def masked_headers(headers: Mapping[str, str], secrets: Iterable[str] = ()) -> dict[str, str]:
    """Return the headers with telling ones masked, secrets replaced and every value bounded."""
    known = tuple(secrets)
    return {name: MASK if is_telling(name) else masked_text(value, known, 512) for name, value in headers.items()}


def masked_url(url: str, secrets: Iterable[str] = ()) -> str:
    """Return the address without its user information, with telling parameters of its query masked."""
    try:
        parts = urlsplit(url)
        pairs = parse_qsl(parts.query, keep_blank_values=True)
    except ValueError:
        return masked_text(url, secrets, 1024)
    query = urlencode([(name, MASK if is_telling(name) else value) for name, value in pairs], safe="[]/:,")
    host = parts.netloc.rpartition("@")[2]
    return masked_text(urlunsplit((parts.scheme, host, parts.path, query, "")), secrets, 1024)


def masked_body(value: Any, secrets: Iterable[str] = (), limit: int = MOST) -> Any:
    """Return a JSON value that may be shown: masked by name and by value, at most `limit` characters as JSON.

    Bytes and text that hold a JSON object or list are masked as such; other text by value only. What is longer than
    `limit` becomes text that ends in "(cut)".
    """
    known = tuple(secrets)
    if isinstance(value, bytes | bytearray):
        value = bytes(value).decode("utf-8", "replace")
    if isinstance(value, str):
        value = _structure(value)
    shown = masked_value(value, known)
    if isinstance(shown, str):
        return masked_text(shown, known, limit)
    written = json.dumps(shown, ensure_ascii=False, default=str)
    return shown if len(written) <= limit else masked_text(written, (), limit)


def masked_value(value: Any, secrets: Iterable[str] = (), *, by_name: bool = True) -> Any:
    """Return a copy of a JSON value with secrets replaced; with `by_name`, members of telling names masked too."""
    known = tuple(secrets)
    match value:
        case str():
            return masked_text(value, known, max(len(value), MOST) + 20)
        case Mapping():
            return {
                str(key): MASK
                if by_name and is_telling(str(key)) and member not in (None, "")
                else masked_value(member, known, by_name=by_name)
                for key, member in value.items()
            }
        case list() | tuple():
            return [masked_value(member, known, by_name=by_name) for member in value]
        case _:
            return value


def secrets_in(headers: Mapping[str, str]) -> tuple[str, ...]:
    """Return the secrets that telling headers carry: whole, without their scheme, and out of Basic credentials."""
    found: list[str] = []
    for name, value in headers.items():
        if not is_telling(name):
            continue
        scheme, _, rest = value.partition(" ")
        found += [value, rest]
        if scheme.lower() == "basic":
            found += _basic_parts(rest)
    return tuple(secret for secret in found if len(secret) >= SHORTEST)


def _basic_parts(credentials: str) -> list[str]:
    try:
        decoded = base64.b64decode(credentials, validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return []
    return [decoded, decoded.partition(":")[2]]


def _forms(secrets: Iterable[str]) -> list[str]:
    """Every form in which a secret leaks (B60), longest first, so that no part of a longer form stays behind."""
    forms: set[str] = set()
    for secret in secrets:
        if len(secret) < SHORTEST:
            continue
        raw = secret.encode("utf-8", "replace")
        forms |= {secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
        forms |= {quote(secret, safe=""), quote_plus(secret), html.escape(secret)}
        forms |= {base64.b64encode(raw).decode().rstrip("="), base64.urlsafe_b64encode(raw).decode().rstrip("=")}
    return sorted(forms, key=len, reverse=True)


def _structure(text: str) -> Any:
    if text.lstrip()[:1] not in {"{", "["}:
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
