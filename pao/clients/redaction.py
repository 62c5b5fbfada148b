"""Masking: what may be shown of headers, bodies and addresses in logs, journals and error texts (B59, B60, B66).

Two nets. The first goes by name and place: a header `Authorization`, a member `adminPassword`. The second goes by
value: any secret that is known here, raw or in a derived form. One of at least `SHORTEST` characters is found
anywhere, a shorter one as a whole word, and one under `LEAST` only where it is the whole value of a member: within a
sentence its mask would tell what it is (B66).
"""

import base64
import binascii
import html
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus, urlencode, urlsplit, urlunsplit

MASK = "[secret]"
SHORTEST = 6
LEAST = 3
MOST = 4096

_TELLING = re.compile(
    r"authorization|cookie|token|passw|passphrase|pwd|secret|apikey|accesskey|privatekey|credential|signature"
)
# A letter or digit, unless it ends an escape sequence of a URL or of JSON.
_WORD_BEFORE = r"(?:(?<![^\W_])|(?<=%[0-9A-Fa-f]{2})|(?<=\\[bfnrt]))"
_WORD_AFTER = r"(?![^\W_])"
_SEPARATORS = re.compile(r"[^a-z0-9]")


def is_telling(name: str) -> bool:
    """Whether a header, member or parameter of this name holds a secret, however spelt (`X-Api_Key`, `apiKey`)."""
    return bool(_TELLING.search(_SEPARATORS.sub("", name.lower())))


def masked_text(text: str, secrets: Iterable[str] = (), limit: int = MOST) -> str:
    """Return `text` with every known secret replaced, in raw, JSON, URL, HTML and base64 form, cut at `limit`."""
    text = _Net.of(secrets).mask(text)
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
    return _masked(value, _Net.of(secrets), by_name=by_name)


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
    return tuple(secret for secret in found if len(secret) >= LEAST)


def _basic_parts(credentials: str) -> list[str]:
    try:
        decoded = base64.b64decode(credentials, validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return []
    return [decoded, decoded.partition(":")[2]]


@dataclass(frozen=True)
class _Net:
    """The second net: what is looked for within texts, longest first, and what is masked as a whole value."""

    forms: tuple[tuple[str, re.Pattern[str] | None], ...]
    whole: frozenset[str]

    @classmethod
    def of(cls, secrets: Iterable[str]) -> "_Net":
        """Return the net of these secrets, in every form in which they leak (B60)."""
        whole = frozenset(secrets) - {""}
        forms: dict[str, re.Pattern[str] | None] = {}
        for secret in whole:
            if len(secret) >= LEAST:
                forms |= {form: None if len(secret) >= SHORTEST else _word(form) for form in _forms(secret)}
        return cls(tuple(sorted(forms.items(), key=lambda form: len(form[0]), reverse=True)), whole)

    def mask(self, text: str) -> str:
        """Return the text with every secret replaced."""
        for form, word in self.forms:
            if form in text:
                text = text.replace(form, MASK) if word is None else word.sub(MASK, text)
        return text

    def mask_leaf(self, value: Any) -> Any:
        """Return a text or number of a JSON value masked, and anything else as it is."""
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            return value
        text = value if isinstance(value, str) else json.dumps(value)
        masked = MASK if text in self.whole else self.mask(text)
        return masked if isinstance(value, str) or masked != text else value


def _masked(value: Any, net: _Net, *, by_name: bool) -> Any:
    match value:
        case Mapping():
            return {
                str(key): MASK
                if by_name and is_telling(str(key)) and member not in (None, "")
                else _masked(member, net, by_name=by_name)
                for key, member in value.items()
            }
        case list() | tuple():
            return [_masked(member, net, by_name=by_name) for member in value]
        case _:
            return net.mask_leaf(value)


def _forms(secret: str) -> set[str]:
    raw = secret.encode("utf-8", "replace")
    return {
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        quote(secret, safe=""),
        quote_plus(secret),
        html.escape(secret),
        base64.b64encode(raw).decode().rstrip("="),
        base64.urlsafe_b64encode(raw).decode().rstrip("="),
    }


def _word(form: str) -> re.Pattern[str]:
    """Return what finds a short form as a whole word; an edge that is no letter or digit is its own border."""
    before = _WORD_BEFORE if form[0].isalnum() else ""
    after = _WORD_AFTER if form[-1].isalnum() else ""
    return re.compile(f"{before}{re.escape(form)}{after}")


def _structure(text: str) -> Any:
    if text.lstrip()[:1] not in {"{", "["}:
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
