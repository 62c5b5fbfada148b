"""One atomic commit on a branch of a repository at GitHub, whatever happens on the way.

Objects are made that nobody sees, then the branch is moved onto the commit, forwards only. That rule and the mark in
the message make it happen once: of two commits made on the same head the second is refused, and whoever comes after
finds the first one's mark in the history and adopts it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from fulfillment.actions.git_change import Change, FileChange, carries
from fulfillment.actions.protocol import Context
from pao.clients.github import BRANCH_MOVED, BRANCH_PROTECTED, Commit, Entry, GitHubClient
from pao.core.errors import ActionFailed, CallRefused, OutcomeUnknown

COMMIT = "commit"
MOST_TRIES = 6
PAGES_OF_HISTORY = 3
"""How many hundreds of commits are searched for the task's mark."""
_FILE_MODES = frozenset({"100644", "100755"})


class Committer:
    """Makes the commit of one task. Every call ends before the attempt does."""

    def __init__(self, client: GitHubClient, change: Change, context: Context) -> None:
        self._client, self._change, self._context = client, change, context
        self._until = context.deadline
        self._default = ""

    @property
    def default_branch(self) -> str:
        """The repository's default branch, asked for once."""
        if not self._default:
            self._default = self._client.default_branch(self._change.repository, not_after=self._until)
        return self._default

    def committed(self) -> Mapping[str, Any]:
        """Commit, and return {sha, branch, url}; with `unchanged` when everything is as it should be already.

        Raises `ActionFailed` with code FILE_EXISTS, FILE_MISSING or PATH_NOT_A_FILE for what the document gets wrong,
        `CallRefused` with code BRANCH_PROTECTED, and what the client raises.
        """
        intended = False
        for tries in range(MOST_TRIES):
            head = self._client.head(self._change.repository, self._change.branch, not_after=self._until)
            if (tries or self._context.attempt > 1) and (found := self.found(head)):
                return self._adopted(found)
            base = self._base(head)
            entries = list(self._entries(base))
            if not entries:
                return self._unchanged(base, head)
            if not intended:
                self._intend(base)
                intended = True
            commit = self._made(base, entries)
            if self._moved(head, commit):
                return self._done(commit)
        raise ActionFailed(
            f"Others change {self._change.branch} of {self._change.repository} faster than PAO can commit to it: it "
            f"had moved {MOST_TRIES} times. Nothing was changed, a retry is safe.",
            code="BRANCH_MOVED",
        )

    def found(self, head: str | None) -> Mapping[str, Any] | None:
        """Return the commit of this task as `committed` does, if the branch or a pull request from it has it.

        `head` is the branch's commit, None when there is no such branch.
        """
        repository, branch = self._change.repository, self._change.branch
        if head is not None:
            history = self._client.history(repository, head, pages=PAGES_OF_HISTORY, not_after=self._until)
            for commit in history:
                if carries(commit.message, self._context):
                    return self._result(commit)
        for pull in self._client.pulls(repository, branch, not_after=self._until):
            if carries(pull.body, self._context):
                return self._result(self._client.commit(repository, pull.head, not_after=self._until))
        return None

    def _base(self, head: str | None) -> Commit:
        repository = self._change.repository
        start = head or self._client.head(repository, self.default_branch, not_after=self._until)
        if start is None:
            raise ActionFailed(
                f"{repository} has no commit yet, so there is nothing to build on. Make its first commit by hand. "
                "Nothing was changed.",
                code="REPOSITORY_EMPTY",
            )
        return self._client.commit(repository, start, not_after=self._until)

    def _entries(self, base: Commit) -> Iterator[dict[str, Any]]:
        """Yield the entries of the new tree: of what is not as it should be."""
        folders: dict[str, Mapping[str, Entry]] = {}
        for file in self._change.files:
            there = self._standing(file, base.tree, folders)
            if file.operation != "delete" and there is not None and there["sha"] == file.blob:
                continue
            if file.operation == "create" and there is not None:
                raise self._wrong(
                    code="FILE_EXISTS",
                    problem=f"{file.path} is there already, with another text, and the document creates it. Use "
                    "operation: update to replace it",
                )
            if file.operation != "create" and there is None:
                raise self._wrong(
                    code="FILE_MISSING",
                    problem=f"there is no {file.path}, and the document would {file.operation} it. "
                    "Use operation: create for a new file, or correct the path",
                )
            yield file.entry(there["mode"] if there else "100644")

    def _standing(self, file: FileChange, tree: str, folders: dict[str, Mapping[str, Entry]]) -> Entry | None:
        """Return what stands at the file's path, folder by folder; raises when that is no plain file."""
        *parents, name = file.path.split("/")
        found: Entry | None = None
        walked = ""
        for part in parents:
            found = self._folder(tree, folders).get(part)
            walked = f"{walked}/{part}".lstrip("/")
            if found is None:
                return None
            if found["type"] != "tree":
                raise self._wrong(
                    code="PATH_NOT_A_FILE", problem=f"{walked} is a file there, and {file.path} needs it as a folder"
                )
            tree = found["sha"]
        found = self._folder(tree, folders).get(name)
        if found is not None and found["mode"] not in _FILE_MODES:
            raise self._wrong(code="PATH_NOT_A_FILE", problem=f"{file.path} is a folder, a link or a submodule there")
        return found

    def _folder(self, tree: str, folders: dict[str, Mapping[str, Entry]]) -> Mapping[str, Entry]:
        if tree not in folders:
            folders[tree] = self._client.folder(self._change.repository, tree, not_after=self._until)
        return folders[tree]

    def _intend(self, base: Commit) -> None:
        change = self._change
        files = [{"path": one.path, "operation": one.operation, "blob": one.blob} for one in change.files]
        sent = {"repository": change.repository, "branch": change.branch, "base": base.sha, "files": files}
        said = f"commit {len(files)} file(s) to {change.branch} of {change.repository}"
        self._context.journal.intend(COMMIT, said, sent | {"message": change.signed_message(self._context)})

    def _made(self, base: Commit, entries: list[dict[str, Any]]) -> Commit:
        repository, message = self._change.repository, self._change.signed_message(self._context)
        tree = self._client.make_tree(repository, base.tree, entries, not_after=self._until)
        return self._client.make_commit(repository, tree, base.sha, message, not_after=self._until)

    def _moved(self, head: str | None, commit: Commit) -> bool:
        """Let the branch point at the commit; return False when somebody else was there first."""
        move = self._client.make_branch if head is None else self._client.move_branch
        try:
            move(self._change.repository, self._change.branch, commit.sha, not_after=self._until)
        except OutcomeUnknown as error:
            raise OutcomeUnknown(error.message, **{**error.facts, "marker": self._context.marker}) from error
        except CallRefused as refusal:
            if refusal.facts.get("code") == BRANCH_PROTECTED:
                raise self._protected(refusal) from refusal
            if refusal.facts.get("code") != BRANCH_MOVED:
                raise
            self._context.journal.note(f"{self._change.branch} had moved; the commit is made anew on top of it")
            return False
        return True

    def _protected(self, refusal: CallRefused) -> CallRefused:
        branch = self._change.branch
        return CallRefused(
            f"The rules of {branch} do not let PAO push to it. {refusal.message} Let the document commit to another "
            "branch with createPullRequest: true, or let an owner of the repository allow PAO to bypass the rule.",
            details=refusal.details,
            **refusal.facts,
        )

    def _done(self, commit: Commit) -> Mapping[str, Any]:
        result = self._result(commit)
        self._context.journal.done(COMMIT, result)
        self._context.journal.note(f"Committed {commit.sha[:12]} to {self._change.branch}", url=commit.url)
        return result

    def _adopted(self, result: Mapping[str, Any]) -> Mapping[str, Any]:
        self._context.journal.done(COMMIT, result)
        self._context.journal.note(f"An earlier attempt had committed {result['sha'][:12]}; it is adopted")
        return result

    def _unchanged(self, base: Commit, head: str | None) -> Mapping[str, Any]:
        branch = self._change.branch if head else self.default_branch
        self._context.journal.note(f"Every file is on {branch} as the document wants it; nothing is committed")
        return self._result(base) | {"branch": branch, "unchanged": True}

    def _result(self, commit: Commit) -> dict[str, Any]:
        return {"sha": commit.sha, "branch": self._change.branch, "url": commit.url}

    def _wrong(self, *, code: str, problem: str) -> ActionFailed:
        where = f"{self._change.branch} of {self._change.repository}"
        return ActionFailed(f"The commit to {where} is not possible: {problem}. Nothing was changed.", code=code)
