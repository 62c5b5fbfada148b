"""What came back over HTTP, as a value, and how to read it without trusting it."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

from pao.core import clock

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True)
class Answer:
    """An HTTP answer: header names in lower case, the body decompressed and at most as long as PAO reads.

    `problem` says why the body is not whole (cut off by the other side, larger than the limit, not decodable); empty
    when it is.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    elapsed_ms: int
    problem: str = ""

    @property
    def complete(self) -> bool:
        """Whether the whole body arrived."""
        return not self.problem

    def json(self) -> Any:
        """Return the body as JSON; raises ValueError, with a sentence, when it is not whole or not JSON."""
        if self.problem:
            raise ValueError(self.problem)
        return parse_json(self.text())

    def text(self) -> str:
        """Return the body as text that a database can store; what is not in its character set becomes U+FFFD."""
        found = re.search(r"charset=\"?([\w-]+)", self.headers.get("content-type", ""), re.IGNORECASE)
        try:
            decoded = self.body.decode(found.group(1) if found else "utf-8-sig", "replace")
        except (LookupError, ValueError):  # no such character set, or one that decodes nothing
            decoded = self.body.decode("utf-8", "replace")
        return _UNSTORABLE.sub("\ufffd", decoded)


def parse_json(text: str) -> Any:
    """Return the value of a JSON text from outside; raises ValueError for what PostgreSQL could not store either.

    NaN, infinities, numbers beyond a double and absurd depth are refused; NUL and lone surrogates become U+FFFD.
    """
    try:
        return storable(json.loads(text, parse_constant=_no_constant, parse_float=_finite))
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that `Retry-After` asks to wait, from a number or an HTTP date; None when it has neither."""
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", value, re.ASCII):
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max(0.0, (aware - clock.now()).total_seconds())
    except (ValueError, OverflowError):
        return None


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"the number {digits[:20]} is too large")
    return number


def storable(value: Any) -> Any:
    """Return a copy of a JSON value without what PostgreSQL cannot store: NUL and lone surrogates become U+FFFD."""
    match value:
        case str():
            return _UNSTORABLE.sub("\ufffd", value)
        case dict():
            return {storable(key): storable(member) for key, member in value.items()}
        case list():
            return [storable(member) for member in value]
        case _:
            return value
