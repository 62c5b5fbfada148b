"""Whether a push, as GitHub tells of it, concerns the catalog that is served.

What a payload says is compared with the settings and decides nothing else: what is fetched, from where, and by which
transport, stands in the settings (B70). When in doubt the answer is yes: a sync too many changes nothing.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from catalog.domain.codeowners import LOCATIONS
from catalog.source import FOLDERS

MOST_COMMITS = 2048
"""GitHub's bound: of a push with more commits the payload lists this many."""
MOST_PATHS = 3000
"""A commit that lists so many files may have more; GitHub promises no bound, nor that there is none."""


@dataclass(frozen=True)
class Verdict:
    """Whether a sync is wanted, and why or why not, in a sentence without the payload's words."""

    wanted: bool
    why: str


def judge(payload: Mapping[str, Any], *, repository: str, ref: str) -> Verdict:
    """Return whether a push asks for a sync of `ref` of `repository`, both as the settings have them."""
    if not _is_of(payload, repository):
        return Verdict(wanted=False, why="It is about another repository than the catalog's.")
    if payload.get("ref") not in (ref, f"refs/heads/{ref}", f"refs/tags/{ref}"):
        return Verdict(wanted=False, why="It is about another branch than the one that is served.")
    if payload.get("deleted") is True:
        return Verdict(wanted=False, why="The branch was deleted; what was served before is served on.")
    return _by_its_files(payload)


def _by_its_files(payload: Mapping[str, Any]) -> Verdict:
    if payload.get("forced") is True:
        return Verdict(wanted=True, why="The branch was pushed by force.")
    if not _lists_everything(payload):
        return Verdict(wanted=True, why="The payload does not list every changed file.")
    if not any(_concerns(path) for path in _paths(payload)):
        return Verdict(wanted=False, why="No file of the catalog was changed.")
    return Verdict(wanted=True, why="Files of the catalog were changed.")


def name_of(address: str) -> str:
    """Return `owner/name` of a repository, in small letters, out of any spelling of its address: https, ssh, a path."""
    path = address if "://" in address else re.sub(r"^[^/:]*:", "", address)
    parts = [part for part in re.split(r"[?#]", path)[0].split("/") if part]
    return "/".join(parts[-2:]).lower().removesuffix(".git")


def _is_of(payload: Mapping[str, Any], repository: str) -> bool:
    told = payload.get("repository")
    full_name = told.get("full_name") if isinstance(told, Mapping) else None
    return isinstance(full_name, str) and bool(repository) and full_name.lower() == name_of(repository)


def _lists_everything(payload: Mapping[str, Any]) -> bool:
    commits = payload.get("commits")
    if not isinstance(commits, list) or not commits or len(commits) >= MOST_COMMITS:
        return False
    last = commits[-1]
    if not isinstance(last, Mapping) or last.get("id") != payload.get("after"):
        return False
    return all(_is_whole(commit) for commit in commits)


def _is_whole(commit: Any) -> bool:
    if not isinstance(commit, Mapping):
        return False
    lists = [commit.get(name) for name in ("added", "removed", "modified")]
    return all(isinstance(paths, list) for paths in lists) and sum(len(paths or ()) for paths in lists) < MOST_PATHS


def _paths(payload: Mapping[str, Any]) -> Iterator[Any]:
    for commit in payload["commits"]:
        for name in ("added", "removed", "modified"):
            yield from commit[name]


def _concerns(path: Any) -> bool:
    return isinstance(path, str) and (path in LOCATIONS or path.startswith(FOLDERS))
