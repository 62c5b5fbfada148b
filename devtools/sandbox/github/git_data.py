"""Blobs, trees, commits and references: the plumbing of which one atomic commit is made."""

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from typing import Any

from devtools.sandbox.github import shapes
from devtools.sandbox.github.repositories import GitFailed, Repositories, Repository
from devtools.sandbox.github.words import Routes, marker_of, not_found, refused, sent, text
from devtools.sandbox.store import Store
from devtools.sandbox.web import Answer, Json, Request, json_answer

RULES = "Repository rule violations found\n\nChanges must be made through a pull request.\n\n"
_HEADS = "refs/heads/"
_SHA = re.compile(r"[0-9a-f]{40}")
_MODES = frozenset({"100644", "100755", "120000"})


class GitData(Routes):
    """Answers below /git/. A reference moves in one transaction with its line in the ledger."""

    def __init__(self, store: Store, repositories: Repositories) -> None:
        super().__init__(repositories)
        self._store = store

    def routes(self) -> Iterator[tuple[str, str, Callable[[Request], Answer]]]:
        """Yield method, path below the repository, and handler."""
        yield "POST", "/git/blobs", self.create_blob
        yield "POST", "/git/trees", self.create_tree
        yield "GET", "/git/trees/{tree+}", self.tree
        yield "POST", "/git/commits", self.create_commit
        yield "GET", "/git/commits/{sha}", self.commit
        yield "GET", "/git/ref/{ref+}", self.ref
        yield "POST", "/git/refs", self.create_ref
        yield "PATCH", "/git/refs/{ref+}", self.move_ref
        yield "DELETE", "/git/refs/{ref+}", self.delete_ref

    def create_blob(self, request: Request) -> Answer:
        """Store a file's content, as utf-8 or base64."""
        repository, body = self.repository(request), sent(request)
        content = body.get("content")
        if not isinstance(content, str):
            raise refused(422, 'Invalid request.\n\n"content" wasn\'t supplied.')
        try:
            raw = base64.b64decode(content, validate=False) if body.get("encoding") == "base64" else content.encode()
        except (binascii.Error, ValueError):
            raise refused(422, "content is not valid Base64") from None
        _check_not_empty(repository)
        sha = repository.write_blob(raw)
        address = f"{shapes.api(request.base_url, repository)}/git/blobs/{sha}"
        return json_answer({"sha": sha, "url": address}, 201, {"Location": address})

    def create_tree(self, request: Request) -> Answer:
        """Make a tree from `base_tree` and entries by `sha` (null takes a path away) or by `content`."""
        repository, body = self.repository(request), sent(request)
        _check_not_empty(repository)
        base = body.get("base_tree")
        if base is not None and (not isinstance(base, str) or repository.resolved(base, "tree") is None):
            raise refused(422, "base_tree is not a valid tree oid")
        given = body.get("tree")
        if not isinstance(given, list) or not all(isinstance(entry, dict) for entry in given):
            raise refused(422, "Invalid tree info")
        present = set(repository.git("ls-tree", "-r", "--name-only", "-z", base).split("\0")) if base else set()
        entries = [_entry(repository, entry, present) for entry in given]
        try:
            sha = repository.tree(base, entries)
        except GitFailed as failure:
            raise refused(422, f"tree.path contains a malformed path component: {failure}") from None
        shown = shapes.tree(request.base_url, repository, sha)
        return json_answer(shown, 201, {"Location": shown["url"]})

    def tree(self, request: Request) -> Answer:
        """Return a tree, by its id or by a name of a commit."""
        repository = self.repository(request)
        sha = repository.resolved(request.params["tree"], "tree")
        if sha is None:
            raise not_found()
        return json_answer(shapes.tree(request.base_url, repository, sha, recursive=bool(request.first("recursive"))))

    def create_commit(self, request: Request) -> Answer:
        """Make a commit object, which no branch knows yet."""
        repository, body = self.repository(request), sent(request)
        _check_not_empty(repository)
        message, tree = text(body, "Commit", "message"), text(body, "Commit", "tree")
        parents = body.get("parents", [])
        if repository.resolved(tree, "tree") != tree:
            raise refused(422, "Tree SHA does not exist")
        if not isinstance(parents, list) or any(repository.resolved(str(one), "commit") is None for one in parents):
            raise refused(422, "Parent SHA does not exist or is not a commit object")
        sha = repository.commit(tree, parents, message, _people(body))
        shown = shapes.git_commit(request.base_url, repository, sha)
        return json_answer(shown, 201, {"Location": shown["url"]})

    def commit(self, request: Request) -> Answer:
        """Return a commit by its id."""
        repository, sha = self.repository(request), request.params["sha"]
        if not _SHA.fullmatch(sha) or repository.resolved(sha, "commit") != sha:
            raise not_found()
        return json_answer(shapes.git_commit(request.base_url, repository, sha))

    def ref(self, request: Request) -> Answer:
        """Return a reference, such as heads/main."""
        repository, name = self.repository(request), request.params["ref"]
        _check_not_empty(repository)
        sha = repository.target_of(f"refs/{name}")
        if sha is None:
            raise not_found()
        return json_answer(shapes.reference(request.base_url, repository, f"refs/{name}", sha))

    def create_ref(self, request: Request) -> Answer:
        """Make a branch or tag."""
        repository, body = self.repository(request), sent(request)
        name, sha = text(body, "Reference", "ref"), text(body, "Reference", "sha")
        _check_not_empty(repository)
        if not name.startswith("refs/") or name.count("/") < 2:  # noqa: PLR2004 - refs/heads/x, as GitHub wants it
            raise refused(422, "Reference name must start with 'refs/' and contain at least two slashes.")
        try:
            repository.git("check-ref-format", name)
        except GitFailed:
            raise refused(422, f"{name} is not a valid ref name.") from None
        if repository.resolved(sha, "commit") != sha:
            raise refused(422, "Object does not exist")
        with self._store.transaction():
            if repository.target_of(name):
                raise refused(422, "Reference already exists")
            self._update(repository, name, sha, "0" * 40)
            self._told("branch", repository, name, sha, request, body)
        shown = shapes.reference(request.base_url, repository, name, sha)
        return json_answer(shown, 201, {"Location": shown["url"]})

    def move_ref(self, request: Request) -> Answer:
        """Let a reference point at another commit: forwards only, unless `force`; never one that is protected."""
        repository, body = self.repository(request), sent(request)
        name, sha = f"refs/{request.params['ref']}", text(body, "Reference", "sha")
        with self._store.transaction():
            old = repository.target_of(name)
            if old is None:
                raise refused(422, "Reference does not exist")
            if repository.resolved(sha, "commit") != sha:
                raise refused(422, "Object does not exist")
            if name.removeprefix(_HEADS) in repository.protected:
                raise refused(422, RULES)
            if body.get("force") is not True and not repository.is_ancestor(old, sha):
                raise refused(422, "Update is not a fast forward")
            if sha != old:
                self._update(repository, name, sha, old)
                self._told("push", repository, name, sha, request, body)
        return json_answer(shapes.reference(request.base_url, repository, name, sha))

    def delete_ref(self, request: Request) -> Answer:
        """Take a branch or tag away."""
        repository, name = self.repository(request), f"refs/{request.params['ref']}"
        with self._store.transaction():
            old = repository.target_of(name)
            if old is None:
                raise refused(422, "Reference does not exist")
            if name.removeprefix(_HEADS) in repository.protected:
                raise refused(422, RULES)
            repository.git("update-ref", "-d", name, old)
            self._told("branch-deleted", repository, name, old, request, None)
        return Answer(204)

    def _told(self, effect: str, repository: Repository, name: str, sha: str, request: Request, body: Any) -> None:
        message = repository.git("log", "-1", "--format=%B", sha)
        # A branch that is made on a commit which others know already says nothing of that commit's task.
        known = len(repository.git("for-each-ref", "--contains", sha, "--format=%(refname)").splitlines()) > 1
        marker = None if effect == "branch" and known else marker_of(message)
        self._store.note(effect, f"{repository.name} {name}", marker, request.origin({"sha": sha, "sent": body}))

    @staticmethod
    def _update(repository: Repository, name: str, sha: str, old: str) -> None:
        try:
            repository.git("update-ref", name, sha, old)
        except GitFailed as failure:
            raise refused(422, f"Reference update failed: {failure}") from None


def _check_not_empty(repository: Repository) -> None:
    if repository.is_empty:
        raise refused(409, "Git Repository is empty.")


def _entry(repository: Repository, given: Json, present: set[str]) -> tuple[str, str, str | None]:
    path, mode = given.get("path"), given.get("mode")
    if not isinstance(path, str) or not path or mode not in _MODES:
        raise refused(422, "Must supply a valid tree.mode" if path else "Must supply tree.path")
    if any(part in {"", ".", "..", ".git"} for part in path.lower().split("/")):
        raise refused(422, "tree.path contains a malformed path component")
    if isinstance(content := given.get("content"), str):
        return mode, path, repository.write_blob(content.encode())
    sha = given.get("sha", "")
    if sha is None:
        if path not in present:
            raise refused(422, "GitRPC::BadObjectState")
        return mode, path, None
    if not isinstance(sha, str) or repository.resolved(sha, "blob") != sha:
        raise refused(422, f"tree.sha {sha} is not a valid blob")
    return mode, path, sha


def _people(body: Json) -> dict[str, str]:
    """Return what git calls the author and the committer that a request names."""
    found = {}
    for role in ("author", "committer"):
        person = body.get(role) or (body.get("author") if role == "committer" else None) or {}
        for part, name in (("name", "NAME"), ("email", "EMAIL"), ("date", "DATE")):
            if isinstance(person.get(part), str):
                found[f"GIT_{role.upper()}_{name}"] = person[part]
    return found
