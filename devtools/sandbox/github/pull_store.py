"""Pull requests as the sandbox keeps them: facts in the store's table, and what git says of their two ends."""

import json
from dataclasses import asdict, dataclass, replace
from typing import Any

from devtools.sandbox.github import shapes
from devtools.sandbox.github.repositories import GitFailed, Repository
from devtools.sandbox.github.words import marker_of
from devtools.sandbox.store import Store
from devtools.sandbox.web import Origin


@dataclass(frozen=True)
class Pull:
    """One pull request; `head_sha` is where its branch stood when it was closed, empty while it is open."""

    repository: Repository
    number: int
    title: str
    body: str
    head: str
    base: str
    author: str
    state: str = "open"
    merged_at: str = ""
    closed_at: str = ""
    merge_commit: str = ""
    head_sha: str = ""
    base_sha: str = ""
    assignees: tuple[str, ...] = ()
    reviewers: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    approvals: int = 0
    created_at: str = ""
    updated_at: str = ""

    def ends(self) -> tuple[str, str]:
        """Return the commits of base and head, as they are or were at the end."""
        base = self.base_sha or self.repository.head_of(self.base) or ""
        return base, self.head_sha or self.repository.head_of(self.head) or ""

    def merged_tree(self) -> str | None:
        """Return the tree that merging would give, or None for a conflict."""
        base, head = self.ends()
        try:
            return self.repository.git("merge-tree", "--write-tree", base, head).split()[0]
        except (GitFailed, IndexError):
            return None


class PullStore:
    """Keeps pull requests; every effect is one transaction with its line in the ledger."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def pulls(self, repository: Repository) -> list[Pull]:
        """Return the pull requests of a repository, oldest first."""
        rows = self.store.rows("SELECT facts FROM pulls WHERE repository_id = ? ORDER BY number", repository.id)
        return [_read(repository, json.loads(row["facts"])) for row in rows]

    def pull(self, repository: Repository, number: int) -> Pull | None:
        """Return one, or None."""
        return next((one for one in self.pulls(repository) if one.number == number), None)

    def open(self, pull: Pull, origin: Origin) -> Pull:
        """Add a pull request, with the next number."""
        with self.store.transaction() as connection:
            number = 1 + len(self.pulls(pull.repository))
            made = replace(pull, number=number, created_at=shapes.moment(), updated_at=shapes.moment())
            connection.execute("INSERT INTO pulls VALUES (?, ?, ?)", (pull.repository.id, number, _facts(made)))
            self._note("pull-request", made, origin)
        return made

    def change(self, pull: Pull, effect: str, origin: Origin, *, merged: str = "", **facts: Any) -> Pull:
        """Store changed facts, let the base point at `merged` if there is such a commit, and tell the effect."""
        with self.store.transaction() as connection:
            if merged:
                pull.repository.git("update-ref", f"refs/heads/{pull.base}", merged, pull.ends()[0])
            changed = replace(pull, updated_at=shapes.moment(), **facts)
            connection.execute(
                "UPDATE pulls SET facts = ? WHERE repository_id = ? AND number = ?",
                (_facts(changed), pull.repository.id, pull.number),
            )
            self._note(effect, changed, origin)
        return changed

    def _note(self, effect: str, pull: Pull, origin: Origin) -> None:
        self.store.note(effect, f"{pull.repository.name}#{pull.number}", marker_of(pull.body), origin)


def _facts(pull: Pull) -> str:
    return json.dumps(asdict(replace(pull, repository=None)))  # type: ignore[arg-type]  # the row names it already


def _read(repository: Repository, facts: dict[str, Any]) -> Pull:
    lists = {name: tuple(facts[name]) for name in ("assignees", "reviewers", "teams")}
    return Pull(**facts | lists | {"repository": repository})
