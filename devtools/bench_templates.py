"""What rendering costs, beside a floor that fills the same text by `str.replace` and knows nothing of places.

The ticket is that of the goal: a summary, a description of 2 KB with 12 references, labels and custom fields. The time
of one rendering includes all that a task does between its document and JIRA's fields; nothing is read or sent.
"""

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from catalog.domain.templating import Scope, parse
from fulfillment.render import render_action
from pao.clients.jira_text import to_adf

_REFERENCES = (
    "{{.current.name}}",
    "{{.current.basic.size}}",
    "{{.current.basic.class}}",
    "{{.current.basic.note}}",
    "{{.current.basic.tags}}",
    "{{.output.databaseUrl}}",
    "{{.metadata.database-aurora-postgresql.defaultPort}}",
    "{{.system.user.name}}",
    "{{.system.user.email}}",
    "{{.system.requestId}}",
    '{{.current.basic.owner | default "nobody" | upper}}',
    "{{.system.date}}",
)
_POINT = "h2. Point {number}\n{words}\n* value: {reference}\n"
_WORDS = "Words of the author that explain to people what is to be done at this point. " * 2
_BYTES = 2_048

SCOPE = Scope(
    current={
        "name": "orders",
        "basic": {
            "size": 20,
            "class": "db.t3.micro",
            "note": "as *soon* as\npossible",
            "tags": ["a", "b"],
            "word": "x",
        },
    },
    output={"databaseUrl": "postgresql://db.example.com/orders"},
    metadata={"database-aurora-postgresql": {"defaultPort": "5432"}},
    system={
        "requestId": "01970000-0000-7000-8000-000000000000",
        "date": "2026-01-31",
        "user": {"id": "dana", "name": "Dana", "email": "dana@example.com", "teams": ["databases"]},
        "platform": {"account": "1", "region": "eu-central-1", "environment": "production", "apiKey": "key"},
    },
    types={("basic", "size"): "number"},
    secret_paths=frozenset({("current", "basic", "word"), ("output", "token")}),
)


def ticket() -> dict[str, Any]:
    """Return the config of the goal's ticket."""
    points = (
        _POINT.format(number=number, words=_WORDS, reference=reference) for number, reference in enumerate(_REFERENCES)
    )
    return {
        "ticket": {
            "project": "DBA",
            "issueType": "Task",
            "summaryTemplate": "Make {{.current.name}} ({{.current.basic.class}}) for {{.system.user.name}}",
            "descriptionTemplate": "".join(points)[:_BYTES].ljust(_BYTES, "."),
            "priority": "High",
            "labels": ["database", "{{.current.basic.class}}", "env-{{.system.platform.environment}}"],
            "components": ["databases"],
            "assignee": "{{.system.user.id}}",
            "customFields": {
                "customfield_10010": "{{.current.basic.size}}",
                "customfield_10011": {"value": "{{.current.basic.class}}"},
                "customfield_10012": ["{{.current.name}}", "fixed"],
            },
        }
    }


def file_of(path: str, text: str) -> dict[str, Any]:
    """Return the config of a commit of one file."""
    files = [{"path": path, "operation": "create", "contentTemplate": text}]
    return {"repository": "a/b", "branch": "main", "commitMessage": "x", "files": files}


YAML = "".join(f'key{number}: {text}\nquoted{number}: "{text}"\n' for number, text in enumerate(_REFERENCES))
HCL = "".join(f'key{number} = {text}\ntext{number} = "{text}"\n' for number, text in enumerate(_REFERENCES))
JSON = "{" + ", ".join(f'"key{number}": {text}, "q{number}": "{text}"' for number, text in enumerate(_REFERENCES)) + "}"


def main() -> int:
    """Measure and print; return 0, for speed is no test here."""
    config = ticket()
    description = config["ticket"]["descriptionTemplate"]
    floor = each(lambda: _replaced(description))
    print(f"{'floor: str.replace':<44}{floor * 1e6:>8.0f} µs")
    for what, work in (
        ("a JIRA ticket", lambda: render_action("jira-ticket", config, SCOPE)),
        ("a JIRA ticket, with its description as ADF", lambda: _with_adf(config)),
        ("a JSON body, 24 references", _file("a.json", JSON)),
        ("a YAML file, 24 references", _file("a.yaml", YAML)),
        ("a Terraform file, 24 references", _file("a.tf", HCL)),
    ):
        seconds = each(work)
        print(f"{what:<44}{seconds * 1e6:>8.0f} µs {seconds / floor:>7.1f} times the floor")
    numbers = iter(range(10**9))
    first = each(lambda: parse(f"{description}{next(numbers)}"))
    print(f"{'parsing that description, which is done once':<44}{first * 1e6:>8.0f} µs")
    print(f"{'finding it parsed':<44}{each(lambda: parse(description)) * 1e6:>8.2f} µs")
    return 0


def _file(path: str, text: str) -> Callable[[], object]:
    config = file_of(path, text)
    return lambda: render_action("git-commit", config, SCOPE)


def _with_adf(config: dict[str, Any]) -> object:
    return to_adf(render_action("jira-ticket", config, SCOPE)["ticket"]["description"])


def _replaced(text: str) -> str:
    for reference in _REFERENCES:
        text = text.replace(reference, "a value of the form")
    return text


def each(work: Callable[[], object], times: int = 500) -> float:
    """Return the seconds of one call: the median of nine runs of many."""
    work()
    taken = []
    for _ in range(9):
        began = time.perf_counter()
        for _ in range(times):
            work()
        taken.append((time.perf_counter() - began) / times)
    return statistics.median(taken)


if __name__ == "__main__":
    sys.exit(main())
