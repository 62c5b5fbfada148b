"""What GitHub answers about repositories, people, commits and trees, complete as its description wants it."""

from datetime import datetime
from typing import Any
from urllib.parse import quote

from devtools.sandbox.github.repositories import Repository
from devtools.sandbox.web import Json
from pao.core import clock

_TEMPLATES = {
    "archive": "{archive_format}{/ref}",
    "assignees": "assignees{/user}",
    "blobs": "git/blobs{/sha}",
    "branches": "branches{/branch}",
    "collaborators": "collaborators{/collaborator}",
    "comments": "comments{/number}",
    "commits": "commits{/sha}",
    "compare": "compare/{base}...{head}",
    "contents": "contents/{+path}",
    "contributors": "contributors",
    "deployments": "deployments",
    "downloads": "downloads",
    "events": "events",
    "forks": "forks",
    "git_commits": "git/commits{/sha}",
    "git_refs": "git/refs{/sha}",
    "git_tags": "git/tags{/sha}",
    "hooks": "hooks",
    "issue_comment": "issues/comments{/number}",
    "issue_events": "issues/events{/number}",
    "issues": "issues{/number}",
    "keys": "keys{/key_id}",
    "labels": "labels{/name}",
    "languages": "languages",
    "merges": "merges",
    "milestones": "milestones{/number}",
    "notifications": "notifications{?since,all,participating}",
    "pulls": "pulls{/number}",
    "releases": "releases{/id}",
    "stargazers": "stargazers",
    "statuses": "statuses/{sha}",
    "subscribers": "subscribers",
    "subscription": "subscription",
    "tags": "tags",
    "teams": "teams",
    "trees": "git/trees{/sha}",
}
_USER_PARTS = ("followers", "organizations", "received_events", "repos", "subscriptions")
_USER_TEMPLATES = {"events": "{/privacy}", "following": "{/other_user}", "gists": "{/gist_id}", "starred": "{/owner}"}


def api(base_url: str, repository: Repository) -> str:
    """Return the address of a repository in the API."""
    return f"{base_url}/repos/{repository.name}"


def moment(at: datetime | None = None) -> str:
    """Return a moment, now when none is given, as GitHub writes it."""
    return (at or clock.now()).strftime("%Y-%m-%dT%H:%M:%SZ")


def user(base_url: str, login: str) -> Json:
    """Return a person, made up from the name; one whose name ends in -org is an organization."""
    address = f"{base_url}/users/{login}"
    return {
        "login": login,
        "id": sum(login.encode()) + 1,
        "node_id": f"U_{login}",
        "avatar_url": f"{base_url}/avatars/{login}.png",
        "gravatar_id": "",
        "url": address,
        "html_url": f"{base_url}/{login}",
        "type": "Organization" if login.endswith("-org") else "User",
        "site_admin": False,
        **{f"{part}_url": f"{address}/{part}" for part in _USER_PARTS},
        **{f"{part}_url": f"{address}/{part}{end}" for part, end in _USER_TEMPLATES.items()},
    }


def minimal_repository(base_url: str, repository: Repository) -> Json:
    """Return a repository as other things show it."""
    address = api(base_url, repository)
    return {
        "id": repository.id,
        "node_id": f"R_{repository.id}",
        "name": repository.name.partition("/")[2],
        "full_name": repository.name,
        "private": True,
        "owner": user(base_url, repository.owner),
        "html_url": f"{base_url}/{repository.name}",
        "description": None,
        "fork": False,
        "url": address,
        **{f"{name}_url": f"{address}/{template}" for name, template in _TEMPLATES.items()},
    }


def repository(base_url: str, one: Repository) -> Json:
    """Return a repository with all that there is to say about it."""
    counts = (
        "forks",
        "forks_count",
        "open_issues",
        "open_issues_count",
        "stargazers_count",
        "watchers",
        "watchers_count",
        "network_count",
        "subscribers_count",
        "size",
    )
    return {
        **minimal_repository(base_url, one),
        **dict.fromkeys(counts, 0),
        "clone_url": f"{base_url}/{one.name}.git",
        "git_url": f"git://127.0.0.1/{one.name}.git",
        "ssh_url": f"git@127.0.0.1:{one.name}.git",
        "svn_url": f"{base_url}/{one.name}",
        "mirror_url": None,
        "homepage": None,
        "language": None,
        "license": None,
        "default_branch": one.default_branch,
        "archived": False,
        "disabled": False,
        "has_issues": True,
        "has_projects": False,
        "has_wiki": False,
        "has_pages": False,
        "has_downloads": True,
        "has_discussions": False,
        "pushed_at": moment(),
        "created_at": moment(),
        "updated_at": moment(),
        "allow_merge_commit": "merge" in one.merge_methods,
        "allow_squash_merge": "squash" in one.merge_methods,
        "allow_rebase_merge": "rebase" in one.merge_methods,
        "allow_auto_merge": False,
        "permissions": {"admin": False, "maintain": False, "push": True, "triage": True, "pull": True},
    }


def _facts(one: Repository, sha: str) -> tuple[str, list[str], Json, Json, str]:
    """Return the tree, the parents, author, committer and message of a commit."""
    form = "%T%n%P%n%an%n%ae%n%aI%n%cn%n%ce%n%cI%n%B"
    tree, parents, *people, message = one.git_bytes("log", "-1", f"--format={form}", sha).decode().split("\n", 8)
    author, committer = (dict(zip(("name", "email", "date"), people[at : at + 3], strict=True)) for at in (0, 3))
    return tree, parents.split(), author, committer, message.removesuffix("\n").removesuffix("\n")


def git_commit(base_url: str, one: Repository, sha: str) -> Json:
    """Return a commit as the git data API does."""
    tree, parents, author, committer, message = _facts(one, sha)
    address, pages = api(base_url, one), f"{base_url}/{one.name}"
    return {
        "sha": sha,
        "node_id": f"C_{sha}",
        "url": f"{address}/git/commits/{sha}",
        "html_url": f"{pages}/commit/{sha}",
        "author": author,
        "committer": committer,
        "tree": {"sha": tree, "url": f"{address}/git/trees/{tree}"},
        "message": message,
        "parents": [
            {"sha": parent, "url": f"{address}/git/commits/{parent}", "html_url": f"{pages}/commit/{parent}"}
            for parent in parents
        ],
        "verification": _verification(),
    }


def commit(base_url: str, one: Repository, sha: str) -> Json:
    """Return a commit as the lists of commits do."""
    tree, parents, author, committer, message = _facts(one, sha)
    address, pages = api(base_url, one), f"{base_url}/{one.name}"
    return {
        "sha": sha,
        "node_id": f"C_{sha}",
        "url": f"{address}/commits/{sha}",
        "html_url": f"{pages}/commit/{sha}",
        "comments_url": f"{address}/commits/{sha}/comments",
        "commit": {
            "url": f"{address}/git/commits/{sha}",
            "author": author,
            "committer": committer,
            "message": message,
            "comment_count": 0,
            "tree": {"sha": tree, "url": f"{address}/git/trees/{tree}"},
            "verification": _verification(),
        },
        "author": user(base_url, "octocat"),
        "committer": user(base_url, "octocat"),
        "parents": [
            {"sha": parent, "url": f"{address}/commits/{parent}", "html_url": f"{pages}/commit/{parent}"}
            for parent in parents
        ],
    }


def reference(base_url: str, one: Repository, name: str, sha: str) -> Json:
    """Return a reference such as refs/heads/main."""
    address = api(base_url, one)
    return {
        "ref": name,
        "node_id": f"REF_{name}",
        "url": f"{address}/git/{quote(name)}",
        "object": {"type": "commit", "sha": sha, "url": f"{address}/git/commits/{sha}"},
    }


def tree(base_url: str, one: Repository, sha: str, *, recursive: bool = False) -> Json:
    """Return the entries of a tree."""
    listed = one.git_bytes("ls-tree", "-z", "-l", *(["-r", "-t"] if recursive else []), sha).decode()
    address = api(base_url, one)
    entries: list[Any] = []
    for line in filter(None, listed.split("\0")):
        facts, path = line.split("\t", 1)
        mode, kind, entry, size = facts.split()
        shown = {"path": path, "mode": mode, "type": kind, "sha": entry, "url": f"{address}/git/{kind}s/{entry}"}
        entries.append(shown | ({"size": int(size)} if kind == "blob" else {}))
    return {"sha": sha, "url": f"{address}/git/trees/{sha}", "tree": entries, "truncated": False}


def _verification() -> Json:
    return {"verified": False, "reason": "unsigned", "signature": None, "payload": None, "verified_at": None}
