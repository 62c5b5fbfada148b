"""What an answer to a `rest-api` action gives: its result for outputs, what the journal keeps, what it refers to."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

from fulfillment.actions.protocol import Reference
from fulfillment.actions.rest_call import TYPE
from pao.clients.answers import Answer
from pao.clients.redaction import is_telling, masked_body, masked_headers, masked_url, masked_value

KEPT_CHARACTERS = 65_536


def result_of(answer: Answer, secrets: tuple[str, ...]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return `{status, headers, body}` without our own secrets (B59), and a warning when the body cannot be read."""
    headers = {name: value for name, value in answer.headers.items() if name != "set-cookie"}
    content: Any = answer.text()
    warnings: tuple[str, ...] = ()
    declared = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not answer.body and answer.complete:
        content = None
    elif not answer.complete:
        warnings = (f"The call succeeded with {answer.status}, but {answer.problem}.",)
    elif not declared or declared.endswith(("/json", "+json")):
        try:
            content = answer.json()
        except ValueError as error:
            if declared:
                warnings = (f"The call succeeded with {answer.status}, but its body is not JSON: {error}.",)
    shown = {"status": answer.status, "headers": headers, "body": content}
    return dict(masked_value(shown, secrets, by_name=False)), warnings


def kept(result: Mapping[str, Any], secrets: tuple[str, ...]) -> dict[str, Any]:
    """Return what the journal keeps of a result: secrets masked by name too, for the journal is not sealed."""
    headers = masked_headers(result["headers"], secrets)
    if tells_a_secret(headers.get("location", "")):
        headers["location"] = masked_url(headers["location"], secrets)
    return {
        "status": result["status"],
        "headers": headers,
        "body": masked_body(result["body"], secrets, KEPT_CHARACTERS),
    }


def tells_a_secret(address: str) -> bool:
    """Whether the query of an address has a parameter with a telling name."""
    try:
        return any(is_telling(name) for name, _ in parse_qsl(urlsplit(address).query, keep_blank_values=True))
    except ValueError:
        return False


def references(called: str, result: Mapping[str, Any]) -> tuple[Reference, ...]:
    """Return what the answer of the address `called` says it created: its Location, when that is on the same host."""
    location = result["headers"].get("location", "")
    try:
        url = urlsplit(urljoin(called, location))
    except ValueError:  # not an address; the call is done all the same
        return ()
    if not location or url.netloc != urlsplit(called).netloc:
        return ()
    return (Reference(TYPE, url.path, masked_url(url.geturl())),)
