"""GitHub as a place for commits and pull requests.

A commit is made of objects that nobody sees until a branch points at it, so only what moves a branch, opens or merges a
pull request can leave anything unknown.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, TypedDict
from urllib.parse import urlsplit

from django.conf import settings

from pao.clients import http
from pao.clients.github_app import AppInstallation
from pao.clients.github_connection import CONFLICT, Credentials, FixedToken, GitHubConnection, place, understood
from pao.core.errors import CallRefused, ConnectFailed, Misconfigured, OutcomeUnknown

PAGE = 100
_NOT_ALLOWED, _INVALID = 405, 422
_SHA = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_PROTECTED = re.compile(r"protected branch|protected ref|rule violation|through a pull request", re.IGNORECASE)
_EXISTS = re.compile(r"already exists", re.IGNORECASE)
_MOVED = re.compile(r"fast.forward|already exists|does not exist", re.IGNORECASE)
_NO_COMMITS = re.compile(r"no commits between", re.IGNORECASE)
BRANCH_MOVED, BRANCH_PROTECTED, PULL_EXISTS = "BRANCH_MOVED", "BRANCH_PROTECTED", "PULL_EXISTS"
MergeMethod = Literal["merge", "squash", "rebase"]


class Entry(TypedDict):
    """What stands at a path: its mode, its kind (blob, tree, commit) and the id of its content."""

    mode: str
    type: str
    sha: str


@dataclass(frozen=True)
class Commit:
    """A commit: its id, that of its tree, its message, and the address that people open."""

    sha: str
    tree: str
    message: str
    url: str


@dataclass(frozen=True)
class Pull:
    """A pull request; `state` is open, merged or closed, `mergeable` GitHub's word for whether it may be merged."""

    number: int
    url: str
    state: Literal["open", "merged", "closed"]
    head: str
    """The commit at the head of its branch."""
    body: str
    title: str
    mergeable: str = ""


class GitHubClient:
    """One GitHub; every method's `repository` is owner/name, `not_after` when no call may begin any more."""

    def __init__(self, connection: GitHubConnection) -> None:
        self.connection = connection

    @property
    def url(self) -> str:
        """The address of the API."""
        return self.connection.url

    def default_branch(self, repository: str, *, not_after: float | None = None) -> str:
        """Return the name of the repository's default branch."""
        found = self.connection.ask("GET", place(repository), not_after=not_after)
        return str(understood("a repository", lambda: found["default_branch"]))

    def head(self, repository: str, branch: str, *, not_after: float | None = None) -> str | None:
        """Return the commit that a branch points at, or None when there is no such branch."""
        found = self.connection.found(place(repository, "git", "ref", "heads", branch), not_after=not_after)
        return None if found is None else str(understood("a branch", lambda: _sha(found["object"]["sha"])))

    def commit(self, repository: str, sha: str, *, not_after: float | None = None) -> Commit:
        """Return a commit by its id."""
        found = self.connection.ask("GET", place(repository, "git", "commits", sha), not_after=not_after)
        return _commit(found)

    def history(self, repository: str, start: str, *, pages: int, not_after: float | None = None) -> Iterator[Commit]:
        """Yield the newest commits from a branch or commit backwards, `pages` hundreds at most."""
        for page in range(1, pages + 1):
            asked = {"sha": start, "per_page": str(PAGE), "page": str(page)}
            found = self.connection.ask("GET", place(repository, "commits"), params=asked, not_after=not_after)
            if not isinstance(found, list):
                raise ConnectFailed("GitHub answered with something else than commits. Nothing was changed.")
            yield from (_commit(one, "commit") for one in found)
            if len(found) < PAGE:
                return

    def folder(self, repository: str, tree: str, *, not_after: float | None = None) -> Mapping[str, Entry]:
        """Return what stands in a folder, by name; `tree` is the folder's id."""
        found = self.connection.ask("GET", place(repository, "git", "trees", tree), not_after=not_after)
        return dict(understood("a tree", lambda: {str(one["path"]): _entry(one) for one in found["tree"]}))

    def make_tree(
        self, repository: str, base: str, entries: Sequence[Mapping[str, Any]], *, not_after: float | None = None
    ) -> str:
        """Make a tree on top of another, and return its id: an object that nobody points at."""
        body = {"base_tree": base, "tree": list(entries)}
        made = self.connection.ask("POST", place(repository, "git", "trees"), json=body, not_after=not_after)
        return str(understood("a tree", lambda: _sha(made["sha"])))

    def make_commit(
        self, repository: str, tree: str, parent: str, message: str, *, not_after: float | None = None
    ) -> Commit:
        """Make a commit, and return it: an object that nobody points at."""
        body = {"message": message, "tree": tree, "parents": [parent]}
        return _commit(self.connection.ask("POST", place(repository, "git", "commits"), json=body, not_after=not_after))

    def make_branch(self, repository: str, branch: str, sha: str, *, not_after: float | None = None) -> None:
        """Make a branch that points at a commit. Raises `CallRefused` as `move_branch` does."""
        body = {"ref": f"refs/heads/{branch}", "sha": sha}
        try:
            self.connection.call("POST", place(repository, "git", "refs"), json=body, not_after=not_after)
        except CallRefused as refusal:
            raise _branch_refusal(refusal) from refusal

    def move_branch(self, repository: str, branch: str, sha: str, *, not_after: float | None = None) -> None:
        """Let a branch point at a commit on top of where it is; twice is harmless, the branch stays.

        Raises `CallRefused`: with code BRANCH_MOVED when somebody else has moved or made it meanwhile, and with
        BRANCH_PROTECTED when its rules do not let PAO push to it.
        """
        path = place(repository, "git", "refs", "heads", branch)
        try:
            self.connection.call("PATCH", path, json={"sha": sha, "force": False}, not_after=not_after)
        except CallRefused as refusal:
            raise _branch_refusal(refusal) from refusal

    def pulls(self, repository: str, branch: str, *, not_after: float | None = None) -> list[Pull]:
        """Return the pull requests from a branch of this repository, open or not, newest first."""
        asked = {"head": f"{repository.partition('/')[0]}:{branch}", "state": "all", "per_page": str(PAGE)}
        found = self.connection.ask("GET", place(repository, "pulls"), params=asked, not_after=not_after)
        return list(understood("pull requests", lambda: [_pull(one) for one in found]))

    def pull(self, repository: str, number: int, *, not_after: float | None = None) -> Pull:
        """Return a pull request by its number."""
        return _pull(self.connection.ask("GET", place(repository, "pulls", str(number)), not_after=not_after))

    def open_pull(self, repository: str, wanted: Mapping[str, str], *, not_after: float | None = None) -> Pull | None:
        """Open a pull request (title, body, head, base), once; None when its branch brings nothing that is new.

        Raises `CallRefused` with code PULL_EXISTS when there is an open one for the branch.
        """
        try:
            answer = self.connection.call("POST", place(repository, "pulls"), json=dict(wanted), not_after=not_after)
        except CallRefused as refusal:
            words = str(refusal.facts.get("words"))
            if _NO_COMMITS.search(words):
                return None
            if _EXISTS.search(words):
                raise _with_code(refusal, code="PULL_EXISTS") from refusal
            raise
        try:
            return _pull(answer.json())
        except (ValueError, ConnectFailed) as error:
            raise OutcomeUnknown("GitHub answered the opening of a pull request without its number.") from error

    def merge_pull(
        self, repository: str, number: int, sha: str, method: MergeMethod, *, not_after: float | None = None
    ) -> str:
        """Merge a pull request whose head is `sha`; return "" when it is merged, else why it may not be now."""
        body = {"sha": sha, "merge_method": method}
        try:
            self.connection.call(
                "PUT", place(repository, "pulls", str(number), "merge"), json=body, not_after=not_after
            )
        except CallRefused as refusal:
            if refusal.facts.get("status") not in {_NOT_ALLOWED, CONFLICT}:
                raise
            return str(refusal.facts.get("words") or refusal.message)
        return ""

    def request_reviews(
        self, repository: str, number: int, people: Sequence[str], teams: Sequence[str], *, not_after: float | None
    ) -> None:
        """Ask people, and teams by their short names, for a review; twice is harmless."""
        body = {"reviewers": list(people), "team_reviewers": list(teams)}
        path = place(repository, "pulls", str(number), "requested_reviewers")
        self.connection.call("POST", path, json=body, not_after=not_after)

    def assign(
        self, repository: str, number: int, people: Sequence[str], *, not_after: float | None
    ) -> tuple[str, ...]:
        """Assign people, twice is harmless; return who was left out, for GitHub does that silently."""
        path = place(repository, "issues", str(number), "assignees")
        answer = self.connection.call("POST", path, json={"assignees": list(people)}, not_after=not_after)
        try:
            assigned = {str(one["login"]).lower() for one in answer.json()["assignees"]}
        except (ValueError, KeyError, TypeError):
            return ()
        return tuple(one for one in people if one.lower() not in assigned)

    def page(self, repository: str, *parts: str) -> str:
        """Return the address at which people open something of a repository."""
        address = urlsplit(self.url)
        host = address.netloc.removeprefix("api.")
        return "/".join([f"{address.scheme}://{host}", repository, *parts])


def from_settings() -> GitHubClient:
    """Return the client of the GitHub that the settings name; raises `Misconfigured` when they name no credentials."""
    return GitHubClient(
        _connection(
            settings.PAO_GITHUB_URL,
            settings.PAO_GITHUB_TOKEN,
            settings.PAO_GITHUB_APP_ID,
            settings.PAO_GITHUB_APP_INSTALLATION,
            settings.PAO_GITHUB_APP_KEY,
        )
    )


@lru_cache(maxsize=4)
def _connection(url: str, token: str, app_id: str, installation: str, key: str) -> GitHubConnection:
    credentials: Credentials
    if app_id and installation and key:
        credentials = AppInstallation(url, app_id, installation, key, door=http.door())
    elif token:
        credentials = FixedToken(token)
    else:
        raise Misconfigured(
            "PAO has nothing to sign in to GitHub with: set PAO_GITHUB_TOKEN, or PAO_GITHUB_APP_ID, "
            "PAO_GITHUB_APP_INSTALLATION and PAO_GITHUB_APP_KEY. Nothing was called."
        )
    return GitHubConnection(url, credentials)


def _branch_refusal(refusal: CallRefused) -> CallRefused:
    words, status = str(refusal.facts.get("words")), refusal.facts.get("status")
    if _PROTECTED.search(words):
        return _with_code(refusal, code="BRANCH_PROTECTED")
    if status == CONFLICT or (status == _INVALID and _MOVED.search(words)):
        return _with_code(refusal, code="BRANCH_MOVED")
    return refusal


def _with_code(refusal: CallRefused, *, code: str) -> CallRefused:
    return CallRefused(refusal.message, details=refusal.details, **{**refusal.facts, "code": code})


def _sha(value: Any) -> str:
    if not isinstance(value, str) or not _SHA.fullmatch(value):
        raise ValueError("no id of an object")
    return value


def _entry(data: Mapping[str, Any]) -> Entry:
    return Entry(mode=str(data["mode"]), type=str(data["type"]), sha=_sha(data["sha"]))


def _commit(data: Any, inner: str = "") -> Commit:
    """Return a commit; lists tell of it within a member, `inner`."""

    def read() -> Commit:
        told = data[inner] if inner else data
        return Commit(_sha(data["sha"]), _sha(told["tree"]["sha"]), str(told["message"]), str(data["html_url"]))

    found: Commit = understood("a commit", read)
    return found


def _pull(data: Any) -> Pull:
    def read() -> Pull:
        return Pull(
            number=int(data["number"]),
            url=str(data["html_url"]),
            state="merged" if data.get("merged_at") else ("open" if data["state"] == "open" else "closed"),
            head=_sha(data["head"]["sha"]),
            body=str(data.get("body") or ""),
            title=str(data["title"]),
            mergeable=str(data.get("mergeable_state") or ""),
        )

    found: Pull = understood("a pull request", read)
    return found
