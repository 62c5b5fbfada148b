"""Pull requests: opened, listed, merged by each of the three methods, with reviewers and assignees."""

from collections.abc import Callable, Iterator

from devtools.sandbox.github import pull_shapes, shapes
from devtools.sandbox.github.pull_store import Pull, PullStore
from devtools.sandbox.github.repositories import Repositories, Repository
from devtools.sandbox.github.words import Routes, invalid, not_found, refused, sent, text
from devtools.sandbox.store import Store
from devtools.sandbox.web import Answer, Json, Request, json_answer

AUTHOR = "pao-bot"
STRANGER = "stranger"
"""Who has no access to any repository; everybody else has."""
METHODS = ("merge", "squash", "rebase")


class Pulls(Routes):
    """Answers below /pulls, and the assignees of /issues."""

    def __init__(self, store: Store, repositories: Repositories) -> None:
        super().__init__(repositories)
        self.kept = PullStore(store)

    def routes(self) -> Iterator[tuple[str, str, Callable[[Request], Answer]]]:
        """Yield method, path below the repository, and handler."""
        yield "GET", "/pulls", self.list
        yield "POST", "/pulls", self.create
        yield "GET", "/pulls/{number}", self.show
        yield "PUT", "/pulls/{number}/merge", self.merge
        yield "POST", "/pulls/{number}/requested_reviewers", self.request_review
        yield "POST", "/issues/{number}/assignees", self.assign

    def list(self, request: Request) -> Answer:
        """Return pull requests by state (open when absent), `head` as owner:branch, and `base`; newest first."""
        repository = self.repository(request)
        state, head, base = request.first("state", "open"), request.first("head"), request.first("base")
        found = [
            one
            for one in reversed(self.kept.pulls(repository))
            if state in {"all", one.state}
            and (not head or head == f"{repository.owner}:{one.head}")
            and (not base or base == one.base)
        ]
        return json_answer([pull_shapes.simple(request.base_url, one) for one in found])

    def create(self, request: Request) -> Answer:
        """Open a pull request from one branch into another; 422 when there is one, or nothing to merge."""
        repository, body = self.repository(request), sent(request)
        title, base = text(body, "PullRequest", "title"), text(body, "PullRequest", "base")
        head = text(body, "PullRequest", "head").removeprefix(f"{repository.owner}:")
        for field, name in (("base", base), ("head", head)):
            if repository.head_of(name) is None:
                raise invalid("PullRequest", field)
        known = (one for one in self.kept.pulls(repository) if one.state == "open")
        if any((one.head, one.base) == (head, base) for one in known):
            message = f"A pull request already exists for {repository.owner}:{head}."
            raise invalid("PullRequest", "head", message)
        if repository.is_ancestor(repository.head_of(head) or "", repository.head_of(base) or ""):
            raise invalid("PullRequest", "head", f"No commits between {base} and {head}")
        wanted = Pull(repository, 0, title, str(body.get("body") or ""), head, base, AUTHOR)
        made = self.kept.open(wanted, request.origin(body))
        shown = pull_shapes.whole(request.base_url, made)
        return json_answer(shown, 201, {"Location": shown["url"]})

    def show(self, request: Request) -> Answer:
        """Return one pull request."""
        return json_answer(pull_shapes.whole(request.base_url, self._pull(request)))

    def merge(self, request: Request) -> Answer:
        """Merge: 405 with the reason when it may not be, 409 when the head is not `sha` any more."""
        pull, body = self._pull(request), sent(request) if request.body else {}
        method = body.get("merge_method", "merge")
        if method not in METHODS:
            raise refused(422, "Validation Failed", {"resource": "PullRequest", "code": "invalid", "field": "merge"})
        if reason := _not_mergeable(pull, method):
            raise refused(405, reason)
        base, head = pull.ends()
        if body.get("sha") not in {None, head}:
            raise refused(409, "Head branch was modified. Review and try the merge again.")
        merged = _merged(pull, method, body)
        if merged is None:
            raise refused(405, "Pull Request is not mergeable")
        at = shapes.moment()
        ends = {"merge_commit": merged, "base_sha": base, "head_sha": head}
        times = {"merged_at": at, "closed_at": at}
        self.kept.change(pull, "merge", request.origin(body), merged=merged, state="closed", **times, **ends)
        return json_answer({"sha": merged, "merged": True, "message": "Pull Request successfully merged"})

    def request_review(self, request: Request) -> Answer:
        """Ask people and teams for a review; 422 for the author and for whoever has no access."""
        pull, body = self._pull(request), sent(request)
        people, teams = _names(body, "reviewers"), _names(body, "team_reviewers")
        if AUTHOR in people:
            raise refused(422, "Review cannot be requested from pull request author.")
        if STRANGER in {*people, *teams}:
            raise refused(
                422,
                "Reviews may only be requested from collaborators. One or more of the users or teams you specified is "
                f"not a collaborator of the {pull.repository.name} repository.",
            )
        changed = self.kept.change(
            pull,
            "review-requested",
            request.origin(body),
            reviewers=tuple(dict.fromkeys([*pull.reviewers, *people])),
            teams=tuple(dict.fromkeys([*pull.teams, *teams])),
        )
        return json_answer(pull_shapes.simple(request.base_url, changed), 201)

    def assign(self, request: Request) -> Answer:
        """Assign people; those without access are left out silently, as GitHub does."""
        pull, body = self._pull(request), sent(request)
        people = [one for one in _names(body, "assignees") if one != STRANGER]
        assignees = tuple(dict.fromkeys([*pull.assignees, *people]))
        changed = self.kept.change(pull, "assigned", request.origin(body), assignees=assignees)
        return json_answer(pull_shapes.issue(request.base_url, changed), 201)

    def _pull(self, request: Request) -> Pull:
        number = request.params["number"]
        found = self.kept.pull(self.repository(request), int(number)) if number.isascii() and number.isdigit() else None
        if found is None:
            raise not_found()
        return found


def _names(body: Json, field: str) -> list[str]:
    given = body.get(field, [])
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        raise refused(422, "Validation Failed", {"resource": "PullRequest", "field": field, "code": "invalid"})
    return given


def _not_mergeable(pull: Pull, method: str) -> str:
    """Return why a pull request may not be merged now, or an empty text."""
    repository = pull.repository
    if pull.state != "open":
        return "Pull Request is not mergeable"
    if method not in repository.merge_methods:
        plural = {"merge": "Merge commits", "squash": "Squash merges", "rebase": "Rebase merges"}[method]
        return f"{plural} are not allowed on this repository."
    missing = repository.approvals if pull.base in repository.protected else 0
    if pull.approvals < missing:
        reviews = "review is" if missing == 1 else "reviews are"
        return f"At least {missing} approving {reviews} required by reviewers with write access."
    return ""


def _merged(pull: Pull, method: str, body: Json) -> str | None:
    """Return the commit that the base is to point at, or None for a conflict."""
    repository, (base, head), tree = pull.repository, pull.ends(), pull.merged_tree()
    if tree is None:
        return None
    said = str(body.get("commit_message") or "")
    if method == "merge":
        title = str(
            body.get("commit_title") or f"Merge pull request #{pull.number} from {repository.owner}/{pull.head}"
        )
        return repository.commit(tree, (base, head), f"{title}\n\n{said or pull.title}")
    commits = repository.git("rev-list", "--reverse", f"{base}..{head}").split()
    if method == "squash":
        messages = [repository.git("log", "-1", "--format=%B", one) for one in commits]
        title = str(body.get("commit_title") or f"{pull.title} (#{pull.number})")
        listed = "\n\n".join(messages) if len(messages) == 1 else "\n\n".join(f"* {one}" for one in messages)
        return repository.commit(tree, (base,), f"{title}\n\n{said or listed}")
    return _rebased(repository, base, commits)


def _rebased(repository: Repository, base: str, commits: list[str]) -> str:
    for one in commits:
        # As if the base had been made on the commit's parent: then that is what both are merged by.
        beside = repository.commit(f"{base}^{{tree}}", (f"{one}^",), "Beside")
        tree = repository.git("merge-tree", "--write-tree", beside, one).split()[0]
        base = repository.commit(tree, (base,), repository.git("log", "-1", "--format=%B", one))
    return base
