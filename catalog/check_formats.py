"""The findings of a check as text for people, as JSON for programs, and as commands for GitHub's workflows."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from catalog.domain.codes import Profile
from catalog.domain.findings import Finding

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True)
class Outcome:
    """What was looked at, in which profile, and what was found, by file and place."""

    profile: Profile
    files: Sequence[str]
    findings: Sequence[Finding]

    def count(self, severity: str) -> int:
        """Return how many findings have the severity."""
        return sum(finding.severity == severity for finding in self.findings)

    @property
    def summary(self) -> str:
        """One line for people."""
        problems = [_counted(self.count(severity), severity) for severity in ("error", "warning")]
        found = " and ".join(each for each in problems if each) or "nothing wrong"
        return f"{_counted(len(self.files), 'file') or 'No file'} checked ({self.profile}): {found}."


def as_text(outcome: Outcome) -> Iterator[str]:
    """Yield a line for each finding, `file:line:column: severity code message`, its hint beneath, and the summary."""
    for finding in outcome.findings:
        yield _printable(finding.as_text())
        if finding.hint:
            yield f"    {_printable(finding.hint)}"
    yield outcome.summary


def as_json(outcome: Outcome) -> Iterator[str]:
    """Yield one object: `files`, `findings` with all their members, and `summary`."""
    summary = {
        "profile": outcome.profile,
        "files": len(outcome.files),
        "errors": outcome.count("error"),
        "warnings": outcome.count("warning"),
    }
    findings = [finding.as_dict() for finding in outcome.findings]
    yield json.dumps({"files": list(outcome.files), "findings": findings, "summary": summary}, indent=2)


def as_github(outcome: Outcome) -> Iterator[str]:
    """Yield a workflow command for each finding, which GitHub shows at its line, and the summary.

    The escapes are those of GitHub's page "Workflow commands".
    """
    for finding in outcome.findings:
        properties = {
            "file": finding.file,
            "line": str(finding.line),
            "col": str(finding.column),
            "title": finding.code,
        }
        written = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
        yield f"::{finding.severity} {written}::{_data(f'{finding.message}. {finding.hint}'.strip())}"
    yield outcome.summary


FORMATS: dict[str, Callable[[Outcome], Iterator[str]]] = {"text": as_text, "json": as_json, "github": as_github}


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}" if count else ""


def _printable(line: str) -> str:
    """Return the line without characters that command a terminal, which a file's name may hold."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", line)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
