"""The machine interface of the repositories, for tests, the demo and chaos: made here, reviewed and closed here."""

from collections.abc import Mapping

from devtools.sandbox.github import pull_shapes, shapes
from devtools.sandbox.github.pull_store import Pull, PullStore
from devtools.sandbox.github.pulls import METHODS
from devtools.sandbox.github.repositories import Repositories, Repository
from devtools.sandbox.store import Store
from devtools.sandbox.web import Answer, Refusal, Request, Router, json_answer

PULLS = "/_sandbox/repositories/{owner}/{repo}/pulls/{number}"


class RepositoryControl:
    """Answers /_sandbox/repositories…; no fault ever strikes here."""

    def __init__(self, store: Store, repositories: Repositories) -> None:
        self._repositories = repositories
        self._pulls = PullStore(store)

    def add_routes(self, router: Router) -> None:
        """Add this interface's routes."""
        router.add("POST", "/_sandbox/repositories", self.create)
        router.add("POST", f"{PULLS}/approve", self.approve)
        router.add("POST", f"{PULLS}/close", self.close)

    def create(self, request: Request) -> Answer:
        """Make a repository from {name, files, protected, approvals, merge_methods}: 201, or 400 with the reason."""
        wanted = request.json_object()
        name, files = wanted.get("name"), wanted.get("files", {})
        if not isinstance(name, str) or name.count("/") != 1 or not isinstance(files, Mapping):
            raise _refusal('Give an object with "name", as owner/name, and "files", texts by path.')
        try:
            made = self._repositories.create(
                name,
                files,
                protected=wanted.get("protected", ()),
                approvals=wanted.get("approvals", 0),
                merge_methods=wanted.get("merge_methods", METHODS),
            )
        except ValueError as error:
            raise _refusal(str(error)) from error
        return json_answer(shapes.repository(request.base_url, made), 201)

    def approve(self, request: Request) -> Answer:
        """Approve a pull request, as a reviewer would."""
        pull = self._pull(request)
        changed = self._pulls.change(pull, "approved", request.origin(), approvals=pull.approvals + 1)
        return json_answer(pull_shapes.simple(request.base_url, changed))

    def close(self, request: Request) -> Answer:
        """Close a pull request without merging it."""
        pull = self._pull(request)
        base, head = pull.ends()
        facts = {"state": "closed", "closed_at": shapes.moment(), "base_sha": base, "head_sha": head}
        return json_answer(
            pull_shapes.simple(request.base_url, self._pulls.change(pull, "closed", request.origin(), **facts))
        )

    def _pull(self, request: Request) -> Pull:
        repository: Repository | None = self._repositories.find(f"{request.params['owner']}/{request.params['repo']}")
        found = self._pulls.pull(repository, int(request.params["number"])) if repository else None
        if found is None:
            raise Refusal(404, {"error": "There is no such pull request."})
        return found


def _refusal(message: str) -> Refusal:
    return Refusal(400, {"error": message})
