"""What the contract offers and this version of PAO does not carry out: refused, for an ignored wish would surprise.

The list shrinks with every release; when it is empty, this module goes.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from catalog.domain.findings import Report, quoted
from catalog.domain.plain import SECTIONS, actions, mapping
from catalog.domain.positions import Path

HINT = "Leave it out: it comes with a later version of PAO."


def check_support(data: Mapping[str, Any], report: Report) -> None:
    """Report every member that would be ignored if the document were served."""
    for path in _unsupported(data):
        report.add(
            "not_supported", path, f"{quoted(str(path[-1]))} is not carried out by this version of PAO", hint=HINT
        )


def _unsupported(data: Mapping[str, Any]) -> Iterator[Path]:
    for section in SECTIONS:
        for path, action in actions(data, section):
            yield from _named(action, path, "rollback")
            yield from _named(mapping(action.get("config")), (*path, "config"), "poll")
    orchestration = mapping(mapping(data.get("fulfillment")).get("orchestration"))
    if orchestration.get("onFailure") == "rollback":
        yield ("fulfillment", "orchestration", "onFailure")
    if mapping(orchestration.get("jiraLinking")).get("parentTicket") is True:
        yield ("fulfillment", "orchestration", "jiraLinking", "parentTicket")


def _named(holder: Mapping[str, Any], path: Path, *names: str) -> Iterator[Path]:
    return ((*path, name) for name in names if name in holder)
