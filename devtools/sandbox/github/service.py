"""GitHub as one part of the sandbox."""

from pathlib import Path

from devtools.sandbox.github.apps import Apps
from devtools.sandbox.github.control import RepositoryControl
from devtools.sandbox.github.git_data import GitData
from devtools.sandbox.github.pulls import Pulls
from devtools.sandbox.github.reads import Reads
from devtools.sandbox.github.repositories import Repositories
from devtools.sandbox.store import Store
from devtools.sandbox.web import Router


class GitHub:
    """Repositories and everything that is asked of them; `repositories` makes them from Python."""

    def __init__(self, store: Store, data: Path | None) -> None:
        """Take the store, and the sandbox's data file beside which repositories are kept (None: memory)."""
        self.repositories = Repositories(store, data)
        self._parts = (
            Reads(self.repositories),
            GitData(store, self.repositories),
            Pulls(store, self.repositories),
            Apps(),
            RepositoryControl(store, self.repositories),
        )

    def add_routes(self, router: Router) -> None:
        """Add the routes of every part."""
        for part in self._parts:
            part.add_routes(router)

    def close(self) -> None:
        """Remove what lived in memory only."""
        self.repositories.close()
