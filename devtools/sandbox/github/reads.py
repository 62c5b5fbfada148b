"""What is looked at: the repository, branches, commits, comparisons and files."""

import base64
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

from devtools.sandbox.github import shapes
from devtools.sandbox.github.repositories import GitFailed, Repository
from devtools.sandbox.github.words import Routes, not_found, refused
from devtools.sandbox.web import Answer, Json, Request, json_answer

LARGEST_PAGE = 100
MOST_COMPARED = 250


class Reads(Routes):
    """Answers the questions about a repository; nothing here has an effect."""

    def routes(self) -> Iterator[tuple[str, str, Callable[[Request], Answer]]]:
        """Yield method, path below the repository, and handler."""
        yield "GET", "", self.show
        yield "GET", "/branches/{branch+}", self.branch
        yield "GET", "/commits", self.commits
        yield "GET", "/commits/{ref+}", self.commit
        yield "GET", "/compare/{basehead+}", self.compare
        yield "GET", "/contents/{path+}", self.contents

    def show(self, request: Request) -> Answer:
        """Return the repository."""
        return json_answer(shapes.repository(request.base_url, self.repository(request)))

    def branch(self, request: Request) -> Answer:
        """Return a branch, and whether it is protected."""
        repository, name = self.repository(request), request.params["branch"]
        sha = repository.head_of(name)
        if sha is None:
            raise refused(404, "Branch not found")
        address = f"{shapes.api(request.base_url, repository)}/branches/{quote(name)}"
        protected = name in repository.protected
        checks: Json = {"enforcement_level": "non_admins" if protected else "off", "contexts": [], "checks": []}
        return json_answer(
            {
                "name": name,
                "commit": shapes.commit(request.base_url, repository, sha),
                "_links": {"self": address, "html": f"{request.base_url}/{repository.name}/tree/{quote(name)}"},
                "protected": protected,
                "protection": {"enabled": protected, "required_status_checks": checks},
                "protection_url": f"{address}/protection",
            }
        )

    def commits(self, request: Request) -> Answer:
        """Return the history of `sha` (a branch or commit; the default branch when absent), newest first."""
        repository = self.repository(request)
        sha = repository.resolved(request.first("sha", repository.default_branch), "commit")
        if sha is None:
            if repository.is_empty:
                raise refused(409, "Git Repository is empty.")
            raise not_found()
        size, page = _number(request, "per_page", 30), _number(request, "page", 1)
        size = min(size, LARGEST_PAGE)
        bounds = [f"--max-count={size}", f"--skip={(page - 1) * size}"]
        paths = ["--", request.first("path")] if request.first("path") else []
        listed = repository.git("rev-list", *bounds, sha, *paths).split()
        return json_answer([shapes.commit(request.base_url, repository, one) for one in listed])

    def commit(self, request: Request) -> Answer:
        """Return one commit, by its id or the name of a branch."""
        repository = self.repository(request)
        sha = repository.resolved(request.params["ref"], "commit")
        if sha is None:
            raise refused(422, f"No commit found for SHA: {request.params['ref']}")
        return json_answer(shapes.commit(request.base_url, repository, sha))

    def compare(self, request: Request) -> Answer:
        """Return what is in `head` and not in `base`, of base...head."""
        repository = self.repository(request)
        base, separator, head = request.params["basehead"].partition("...")
        ends = repository.resolved(base, "commit"), repository.resolved(head, "commit")
        if not separator or ends[0] is None or ends[1] is None:
            raise not_found()
        return json_answer(_comparison(request.base_url, repository, (base, ends[0]), (head, ends[1])))

    def contents(self, request: Request) -> Answer:
        """Return a file at `ref`, or the entries of a folder."""
        repository, path = self.repository(request), request.params["path"].strip("/")
        ref = request.first("ref", repository.default_branch)
        sha = repository.resolved(ref, "commit")
        if sha is None:
            raise refused(404, f"No commit found for the ref {ref}")
        try:
            kind = repository.git("cat-file", "-t", f"{sha}:{path}")
        except GitFailed:
            raise not_found() from None
        if kind == "tree":
            listed = shapes.tree(request.base_url, repository, repository.git("rev-parse", f"{sha}:{path}"))["tree"]
            return json_answer([_listed(request, repository, f"{path}/{one['path']}", ref, one) for one in listed])
        raw = repository.git_bytes("cat-file", "blob", f"{sha}:{path}")
        entry = {"sha": repository.git("rev-parse", f"{sha}:{path}"), "size": len(raw), "type": "blob"}
        shown = _listed(request, repository, path, ref, entry)
        return json_answer(shown | {"encoding": "base64", "content": base64.encodebytes(raw).decode()})


def _number(request: Request, name: str, default: int) -> int:
    value = request.first(name, str(default))
    return int(value) if value.isascii() and value.isdigit() and int(value) else default


def _comparison(base_url: str, repository: Repository, base: tuple[str, str], head: tuple[str, str]) -> Json:
    ahead = repository.git("rev-list", "--reverse", f"{base[1]}..{head[1]}").split()
    behind = repository.git("rev-list", f"{head[1]}..{base[1]}").split()
    kinds = {(True, True): "diverged", (True, False): "ahead", (False, True): "behind", (False, False): "identical"}
    pages = f"{base_url}/{repository.name}/compare/{quote(base[0])}...{quote(head[0])}"
    return {
        "url": f"{shapes.api(base_url, repository)}/compare/{quote(base[0])}...{quote(head[0])}",
        "html_url": pages,
        "permalink_url": f"{base_url}/{repository.name}/compare/{base[1]}...{head[1]}",
        "diff_url": f"{pages}.diff",
        "patch_url": f"{pages}.patch",
        "base_commit": shapes.commit(base_url, repository, base[1]),
        "merge_base_commit": shapes.commit(base_url, repository, repository.git("merge-base", base[1], head[1])),
        "status": kinds[bool(ahead), bool(behind)],
        "ahead_by": len(ahead),
        "behind_by": len(behind),
        "total_commits": len(ahead),
        "commits": [shapes.commit(base_url, repository, sha) for sha in ahead[:MOST_COMPARED]],
        "files": _files(base_url, repository, base[1], head[1]),
    }


def _files(base_url: str, repository: Repository, base: str, head: str) -> list[Json]:
    words = {"A": "added", "M": "modified", "D": "removed", "T": "changed"}
    changed = repository.git("diff", "--no-renames", "--raw", "--no-abbrev", "-z", f"{base}...{head}").split("\0")
    counted = repository.git("diff", "--no-renames", "--numstat", "-z", f"{base}...{head}").split("\0")
    numbers = {line.split("\t")[2]: line.split("\t")[:2] for line in counted if line}
    address = shapes.api(base_url, repository)
    found: list[Any] = []
    for facts, path in zip(changed[::2], changed[1::2], strict=False):
        *_, sha, letter = facts.split()
        added, removed = (int(count) if count.isdigit() else 0 for count in numbers[path])
        place = quote(path)
        found.append(
            {
                "sha": sha,
                "filename": path,
                "status": words.get(letter[0], "changed"),
                "additions": added,
                "deletions": removed,
                "changes": added + removed,
                "blob_url": f"{base_url}/{repository.name}/blob/{head}/{place}",
                "raw_url": f"{base_url}/{repository.name}/raw/{head}/{place}",
                "contents_url": f"{address}/contents/{place}?ref={head}",
            }
        )
    return found


def _listed(request: Request, repository: Repository, path: str, ref: str, entry: Json) -> Json:
    address, page = shapes.api(request.base_url, repository), f"{request.base_url}/{repository.name}"
    kind = {"blob": "file", "tree": "dir"}.get(entry["type"], "submodule")
    shown = f"{address}/contents/{quote(path)}?ref={quote(ref)}"
    git, html = f"{address}/git/{entry['type']}s/{entry['sha']}", f"{page}/blob/{quote(ref)}/{quote(path)}"
    return {
        "name": path.rpartition("/")[2],
        "path": path,
        "sha": entry["sha"],
        "size": entry.get("size", 0),
        "type": kind,
        "url": shown,
        "git_url": git,
        "html_url": html,
        "download_url": f"{page}/raw/{quote(ref)}/{quote(path)}" if kind == "file" else None,
        "_links": {"self": shown, "git": git, "html": html},
    }
