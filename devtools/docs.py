"""`./dev docs`: write the pages that are drawn from the code's own tables; `--check` only compares.

docs/settings.md from the settings page, docs/errors.md from the error tree, docs/states.md from the two state machines,
docs/findings.md from the checker's codes, docs/openapi.yaml from the views.
"""

import io
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import django
from django.core.management import call_command

from devtools.check import PRODUCTION
from devtools.parts import ROOT
from devtools.testing import SETTINGS

DOCS = ROOT / "docs"


def main(arguments: list[str]) -> int:
    """Write or compare every generated page; return 1 when one differs from the code."""
    for name in [name for name in os.environ if name.startswith("PAO_") or name in SETTINGS]:
        del os.environ[name]
    os.environ.update(PRODUCTION)  # the pages show the defaults of production
    django.setup()
    stale = [path for path, write in PAGES.items() if not _settle(path, write(), check="--check" in arguments)]
    for path in stale:
        print(f"docs/{path} is not what the code says; run ./dev docs and commit it.")
    return int(bool(stale))


def _settle(path: str, text: str, *, check: bool) -> bool:
    page: Path = DOCS / path
    same = page.exists() and page.read_text(encoding="utf-8") == text
    if not same and not check:
        page.write_text(text, encoding="utf-8")
        print(f"docs/{path} written.")
    return same or not check


def settings_page() -> str:
    """Return the table of settings."""
    from pao.settings import env

    rows = [f"| `{row.name}` | {row.kind} | {_cell(row.default)} | {row.meaning} |" for row in env.table]
    head = (
        "# Settings\n\nAll come from the environment; a wrong or unsafe value stops the start with its name. "
        "Defaults are those with `DEBUG` on. Written by `./dev docs` from `pao/settings.py`.\n\n"
    )
    return head + "| name | kind | default | meaning |\n|---|---|---|---|\n" + "\n".join(rows) + "\n"


def states_page() -> str:
    """Return both state machines as tables."""
    from requests_app.domain import states

    def table(moves: Mapping[Any, Any]) -> str:
        rows = [f"| {before} | {event} | {after} |" for (before, event), after in moves.items()]
        return "| from | event | to |\n|---|---|---|\n" + "\n".join(rows) + "\n"

    head = "# States\n\nWritten by `./dev docs` from `requests_app/domain/states.py`. Every other move is refused.\n\n"
    return f"{head}## Requests\n\n{table(states.REQUEST_MOVES)}\n## Tasks\n\n{table(states.TASK_MOVES)}"


def findings_page() -> str:
    """Return the table of what the checker of catalog documents may find."""
    from catalog.domain.codes import CODES

    head = (
        "# Findings\n\nWhat the checker finds in catalog documents. Strict is what authors are held to (pull requests, "
        "the tools, `check_catalog`), relaxed what a sync serves; an error keeps a document from being served in that "
        "profile, a warning does not. Written by `./dev docs` from `catalog/domain/codes.py`.\n\n"
    )
    rows = [f"| `{name}` | {code.meaning} | {code.strict} | {code.relaxed} |" for name, code in CODES.items()]
    return head + "| code | found | strict | relaxed |\n|---|---|---|---|\n" + "\n".join(rows) + "\n"


def openapi_page() -> str:
    """Return the API's description; a warning while drawing it is an error."""
    stream = io.StringIO()
    call_command("spectacular", "--fail-on-warn", "--validate", stdout=stream)
    return stream.getvalue()


def errors_page() -> str:
    """Return the table of error codes."""
    from pao.api.errors_page import error_page_markdown

    return error_page_markdown()


def _cell(text: str) -> str:
    return f"`{text}`" if text not in {"required", "–"} else text


PAGES: Mapping[str, Callable[[], str]] = {
    "settings.md": settings_page,
    "errors.md": errors_page,
    "states.md": states_page,
    "findings.md": findings_page,
    "openapi.yaml": openapi_page,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
