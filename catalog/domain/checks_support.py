"""What the contract offers and this version of PAO does not carry out: told where it stands, in both profiles.

`catalog.domain.performing` keeps an entry from being requested that would need it. The list shrinks with every release;
when it is empty, this module goes.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from catalog.domain.findings import Report, quoted
from catalog.domain.plain import SECTIONS, actions, mapping
from catalog.domain.positions import Path

HINT = "It comes with a later version of PAO; an entry that needs it is shown as unavailable until then."


def check_support(data: Mapping[str, Any], report: Report) -> None:
    """Report every member that is not carried out."""
    for path in _unsupported(data):
        report.add(
            "not_supported", path, f"{quoted(str(path[-1]))} is not carried out by this version of PAO", hint=HINT
        )


def _unsupported(data: Mapping[str, Any]) -> Iterator[Path]:
    for section in SECTIONS:
        for path, action in actions(data, section):
            yield from _named(action, path, "rollback")
    orchestration = mapping(mapping(data.get("fulfillment")).get("orchestration"))
    if orchestration.get("onFailure") == "rollback":
        yield ("fulfillment", "orchestration", "onFailure")
    if mapping(orchestration.get("jiraLinking")).get("parentTicket") is True:
        yield ("fulfillment", "orchestration", "jiraLinking", "parentTicket")


def _named(holder: Mapping[str, Any], path: Path, *names: str) -> Iterator[Path]:
    return ((*path, name) for name in names if name in holder)
