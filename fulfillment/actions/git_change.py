"""What a `git-commit` document asks for, rendered: files, a message and, if wanted, a pull request."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from fulfillment.actions import config as read
from fulfillment.actions.protocol import Context
from pao.clients.github import MergeMethod
from pao.clients.jira_text import one_line

Operation = Literal["create", "update", "delete"]
LONGEST_TITLE = 255
LONGEST_BODY = 60_000
_MARK = "PAO-Task: "
_TRAILER = re.compile(r"[A-Za-z][A-Za-z0-9-]*: \S.*")
_OF_PULL_REQUEST = ("pullRequestTitle", "pullRequestBody", "assignees", "reviewers", "mergeStrategy")
_KEYS = frozenset({"repository", "branch", "files", "commitMessage", "createPullRequest", *_OF_PULL_REQUEST})
_FILE_KEYS = frozenset({"path", "operation", "content"})


@dataclass(frozen=True)
class FileChange:
    """One file of the commit; `content` is empty for one that is deleted."""

    path: str
    operation: Operation
    content: str = ""

    @property
    def blob(self) -> str:
        """The id that git gives to this content."""
        raw = self.content.encode()
        return hashlib.sha1(b"blob %d\0" % len(raw) + raw, usedforsecurity=False).hexdigest()

    def entry(self, mode: str = "100644") -> dict[str, Any]:
        """Return the file as an entry of a new tree."""
        entry = {"path": self.path, "mode": mode, "type": "blob"}
        return entry | ({"sha": None} if self.operation == "delete" else {"content": self.content})


@dataclass(frozen=True)
class PullRequest:
    """The pull request that is wanted; `teams` are short names, as GitHub wants them."""

    title: str
    body: str = ""
    assignees: tuple[str, ...] = ()
    reviewers: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    merge: MergeMethod | None = None


@dataclass(frozen=True)
class Change:
    """One commit on one branch of one repository, owner/name."""

    repository: str
    branch: str
    files: tuple[FileChange, ...]
    message: str
    pull_request: PullRequest | None = None
    ignored: tuple[str, ...] = ()
    """What the document says about a pull request that it does not ask for."""

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "Change":
        """Read the rendered config; raises `ActionFailed` (code INVALID_CONFIG) that names what cannot be used."""
        read.known_keys(config, "", _KEYS)
        message = read.text(config, "commitMessage")
        wanted = config.get("createPullRequest") is True
        return cls(
            repository=_repository(read.text(config, "repository")),
            branch=read.text(config, "branch"),
            files=_files(config.get("files")),
            message=message,
            pull_request=_pull_request(config, message) if wanted else None,
            ignored=() if wanted else tuple(key for key in _OF_PULL_REQUEST if config.get(key)),
        )

    def signed_message(self, context: Context) -> str:
        """Return the commit's message with the trailers that say which task it is of (rule R6)."""
        message = self.message.rstrip()
        head, _, last = message.rpartition("\n\n")
        has_trailers = head and all(_TRAILER.fullmatch(line) for line in last.splitlines())
        return f"{message}\n{'' if has_trailers else chr(10)}{_trailers(context)}\n"

    def signed_body(self, context: Context) -> str:
        """Return the text of the pull request with the same marks, and where the request can be followed."""
        text = (self.pull_request.body if self.pull_request else "").rstrip()[:LONGEST_BODY]
        where = f"[request {context.request_id}]({context.tracking_url})" if context.tracking_url else "a request"
        return f"{text}\n\n---\nMade by PAO for {where}.\n\n{_trailers(context)}\n".lstrip()


def carries(text: str, context: Context) -> bool:
    """Whether a message, or a pull request's text, carries the mark of this task: the last one, for PAO writes it last.

    Whatever stands before may hold values of a form, and those may name any task.
    """
    marks = [line.strip() for line in text.splitlines() if line.startswith(_MARK)]
    return bool(marks) and marks[-1] == f"{_MARK}{context.task_id}"


def _trailers(context: Context) -> str:
    named = {"Task": context.task_id, "Request": context.request_id, "Correlation": context.correlation_id}
    return "\n".join(f"PAO-{name}: {value}" for name, value in named.items())


def _repository(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]*/\.?[A-Za-z0-9_][A-Za-z0-9._-]*", text, re.ASCII):
        raise read.invalid("repository", "must be written owner/name")
    return text


def _files(given: Any) -> tuple[FileChange, ...]:
    if not isinstance(given, list | tuple) or not given:
        raise read.invalid("files", "must be a list of at least one file")
    files = tuple(_file(one, f"files[{number}]") for number, one in enumerate(given))
    paths = [one.path for one in files]
    if twice := next((path for path in paths if paths.count(path) > 1), None):
        raise read.invalid("files", f"names {twice!r} twice")
    return files


def _file(given: Any, place: str) -> FileChange:
    if not isinstance(given, Mapping):
        raise read.invalid(place, "must be a mapping")
    read.known_keys(given, place, _FILE_KEYS)
    operation = read.text(given, f"{place}.operation")
    content = given.get("content")
    if operation not in get_args(Operation):
        raise read.invalid(f"{place}.operation", "must be create, update or delete")
    if operation == "delete":
        return FileChange(read.text(given, f"{place}.path"), "delete")
    if not isinstance(content, str):
        raise read.invalid(f"{place}.content", "must be text")
    try:
        content.encode()
    except UnicodeEncodeError:
        raise read.invalid(f"{place}.content", "holds half a character, which no file can hold") from None
    return FileChange(read.text(given, f"{place}.path"), "update" if operation == "update" else "create", content)


def _pull_request(config: Mapping[str, Any], message: str) -> PullRequest:
    first_line = one_line(message.strip().splitlines()[0])
    merge = read.text(config, "mergeStrategy", default="")
    if merge not in {"", *get_args(MergeMethod)}:
        raise read.invalid("mergeStrategy", "must be merge, squash or rebase")
    asked = read.texts(config, "reviewers")
    return PullRequest(
        title=one_line(read.text(config, "pullRequestTitle", default=first_line))[:LONGEST_TITLE],
        body=read.text(config, "pullRequestBody", default=""),
        assignees=read.texts(config, "assignees"),
        reviewers=tuple(one for one in asked if "/" not in one),
        teams=tuple(one.partition("/")[2] for one in asked if "/" in one),
        merge=next((method for method in get_args(MergeMethod) if method == merge), None),
    )
