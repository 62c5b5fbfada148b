"""What a person may declare of a task that was done by hand: outputs that its document declares, and references.

Pure: values come in as they were sent, and go out checked. Source: lifecycle page, resolve; B73 for addresses.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from catalog.domain.templating import MASK
from pao.core.errors import Detail, ValidationFailed

LONGEST_VALUE = 65_536
LONGEST_TEXT = 512
MOST_REFERENCES = 20
_TICKET = re.compile(r"[A-Z][A-Z0-9_]{0,63}-[0-9]{1,12}", re.ASCII)
_WEB = re.compile(r"https?://[^\s/?#]+[^\s]*")
_MEMBERS = frozenset({"type", "key", "url", "instance"})


@dataclass(frozen=True)
class Declared:
    """The outputs that may be shown, and those that the document calls secret."""

    shown: Mapping[str, Any]
    secret: Mapping[str, Any]


def declared_outputs(wanted: Mapping[str, Any], given: Mapping[str, Any]) -> Declared:
    """Return what was given, parted by what `wanted` (the action's `outputs`) says of each key.

    Raises `ValidationFailed` for keys that the document does not declare, for required ones that are missing, and for
    values that are null, a mask, or longer than an output may be.
    """
    details = [*_unknown(wanted, given), *_missing(wanted, given)]
    details += [Detail(f"outputs.{key}", issue, "INVALID") for key in given if (issue := _wrong(given[key]))]
    if details:
        raise ValidationFailed("The outputs are not those that the task declares.", details=details)
    secret = {key: value for key, value in given.items() if _says(wanted[key], "secret")}
    return Declared({key: value for key, value in given.items() if key not in secret}, secret)


def references(
    given: Sequence[Mapping[str, Any]], *, action_type: str, ticket_address: Callable[[str, str], str]
) -> list[dict[str, str]]:
    """Return references as they are stored; the type is the action's, unless given.

    A ticket needs its key alone: `ticket_address` tells where it is opened, from instance and key; empty when nobody
    knows. Raises `ValidationFailed`.
    """
    if len(given) > MOST_REFERENCES:
        raise ValidationFailed(details=[Detail("references", f"There may be {MOST_REFERENCES} at most.", "TOO_MANY")])
    details: list[Detail] = []
    found: list[dict[str, str]] = []
    for place, one in enumerate(given):
        reference = {name: str(one.get(name) or "").strip() for name in sorted(_MEMBERS)}
        reference["type"] = reference["type"] or action_type
        if reference["type"] == "jira-ticket" and not reference["url"]:
            reference["url"] = ticket_address(reference["instance"], reference["key"])
        details += _problems(f"references.{place}", reference)
        found.append(reference)
    if details:
        raise ValidationFailed("The references cannot be kept.", details=details)
    return found


def _problems(field: str, reference: Mapping[str, str]) -> Iterator[Detail]:
    if not reference["key"]:
        yield Detail(f"{field}.key", "A key is needed, by which people find it.", "REQUIRED")
    elif reference["type"] == "jira-ticket" and not _TICKET.fullmatch(reference["key"]):
        yield Detail(f"{field}.key", "A ticket's key looks like DBA-12.", "INVALID")
    if reference["url"] and not _WEB.fullmatch(reference["url"]):
        yield Detail(f"{field}.url", "An address begins with http:// or https://.", "INVALID")
    for name, value in reference.items():
        if len(value) > LONGEST_TEXT or not value.isprintable():
            yield Detail(f"{field}.{name}", f"At most {LONGEST_TEXT} printable characters.", "INVALID")


def _unknown(wanted: Mapping[str, Any], given: Mapping[str, Any]) -> Iterator[Detail]:
    known = f"Declared are: {', '.join(sorted(wanted))}." if wanted else "The task declares no outputs."
    for key in given:
        if key not in wanted:
            yield Detail(f"outputs.{key}", known, "UNKNOWN_OUTPUT")


def _missing(wanted: Mapping[str, Any], given: Mapping[str, Any]) -> Iterator[Detail]:
    for key, output in wanted.items():
        if key not in given and _says(output, "required"):
            yield Detail(f"outputs.{key}", "The tasks after it need this output.", "REQUIRED")


def _wrong(value: Any) -> str:
    if value is None:
        return "A value is needed; leave the output out when there is none."
    written = json.dumps(value, ensure_ascii=False)
    if len(written) > LONGEST_VALUE:
        return f"At most {LONGEST_VALUE} characters, as JSON."
    return "This is the mask of a secret, not its value." if MASK in written else ""


def _says(output: Any, name: str) -> bool:
    return isinstance(output, Mapping) and output.get(name) is True
