"""What GitHub answers about pull requests, complete as its description wants it."""

from devtools.sandbox.github import shapes
from devtools.sandbox.github.pull_store import Pull
from devtools.sandbox.github.repositories import Repository
from devtools.sandbox.web import Json

_LINKS = {
    "self": "{pulls}",
    "html": "{page}",
    "issue": "{issue}",
    "comments": "{issue}/comments",
    "review_comments": "{pulls}/comments",
    "review_comment": "{api}/pulls/comments{{/number}}",
    "commits": "{pulls}/commits",
    "statuses": "{api}/statuses/{head}",
}


def simple(base_url: str, pull: Pull) -> Json:
    """Return a pull request as lists show it."""
    base, head = pull.ends()
    links = _addresses(base_url, pull)
    page = links["html"]
    return {
        "id": pull.repository.id * 1000 + pull.number,
        "node_id": f"PR_{pull.number}",
        "number": pull.number,
        "state": pull.state,
        "title": pull.title,
        "body": pull.body or None,
        "user": shapes.user(base_url, pull.author),
        "locked": False,
        "draft": False,
        "labels": [],
        "milestone": None,
        "active_lock_reason": None,
        "assignee": shapes.user(base_url, pull.assignees[0]) if pull.assignees else None,
        "assignees": [shapes.user(base_url, one) for one in pull.assignees],
        "requested_reviewers": [shapes.user(base_url, one) for one in pull.reviewers],
        "requested_teams": [_team(base_url, one) for one in pull.teams],
        "author_association": "MEMBER",
        "auto_merge": None,
        "created_at": pull.created_at,
        "updated_at": pull.updated_at,
        "closed_at": pull.closed_at or None,
        "merged_at": pull.merged_at or None,
        "merge_commit_sha": pull.merge_commit or None,
        "head": _end(base_url, pull.repository, pull.head, head),
        "base": _end(base_url, pull.repository, pull.base, base),
        "url": links["self"],
        "html_url": page,
        "diff_url": f"{page}.diff",
        "patch_url": f"{page}.patch",
        "issue_url": links["issue"],
        "comments_url": links["comments"],
        "review_comments_url": links["review_comments"],
        "review_comment_url": links["review_comment"],
        "commits_url": links["commits"],
        "statuses_url": links["statuses"],
        "_links": {name: {"href": address} for name, address in links.items()},
    }


def whole(base_url: str, pull: Pull) -> Json:
    """Return a pull request with all that there is to say about it."""
    base, head = pull.ends()
    commits = pull.repository.git("rev-list", f"{base}..{head}").split()
    files = pull.repository.git("diff", "--name-only", f"{base}...{head}").splitlines()
    is_open = pull.state == "open"
    mergeable = pull.merged_tree() is not None if is_open else None
    needs_review = pull.base in pull.repository.protected and pull.approvals < pull.repository.approvals
    state = ("blocked" if needs_review else "clean") if mergeable else "dirty"
    return simple(base_url, pull) | {
        "merged": bool(pull.merged_at),
        "merged_by": shapes.user(base_url, "octocat") if pull.merged_at else None,
        "mergeable": mergeable,
        "rebaseable": mergeable,
        "mergeable_state": state if is_open else "unknown",
        "maintainer_can_modify": False,
        "comments": 0,
        "review_comments": 0,
        "commits": len(commits),
        "additions": 0,
        "deletions": 0,
        "changed_files": len(files),
    }


def issue(base_url: str, pull: Pull) -> Json:
    """Return a pull request as an issue, for what is common to both."""
    links = _addresses(base_url, pull)
    shown = simple(base_url, pull)
    common = (
        "id",
        "node_id",
        "number",
        "state",
        "title",
        "body",
        "user",
        "locked",
        "labels",
        "milestone",
        "assignee",
        "assignees",
        "author_association",
        "created_at",
        "updated_at",
        "closed_at",
        "html_url",
        "comments_url",
    )
    return {name: shown[name] for name in common} | {
        "url": links["issue"],
        "repository_url": shapes.api(base_url, pull.repository),
        "labels_url": f"{links['issue']}/labels{{/name}}",
        "events_url": f"{links['issue']}/events",
        "comments": 0,
    }


def _addresses(base_url: str, pull: Pull) -> dict[str, str]:
    api = shapes.api(base_url, pull.repository)
    parts = {
        "api": api,
        "pulls": f"{api}/pulls/{pull.number}",
        "issue": f"{api}/issues/{pull.number}",
        "page": f"{base_url}/{pull.repository.name}/pull/{pull.number}",
        "head": pull.ends()[1],
    }
    return {name: template.format(**parts) for name, template in _LINKS.items()}


def _end(base_url: str, repository: Repository, branch: str, sha: str) -> Json:
    return {
        "label": f"{repository.owner}:{branch}",
        "ref": branch,
        "sha": sha,
        "user": shapes.user(base_url, repository.owner),
        "repo": shapes.repository(base_url, repository),
    }


def _team(base_url: str, slug: str) -> Json:
    address = f"{base_url}/organizations/1/team/{slug}"
    return {
        "id": sum(slug.encode()) + 1,
        "node_id": f"T_{slug}",
        "name": slug,
        "slug": slug,
        "description": None,
        "permission": "push",
        "type": "organization",
        "organization_id": 1,
        "parent": None,
        "url": address,
        "html_url": f"{base_url}/orgs/acme/teams/{slug}",
        "members_url": f"{address}/members{{/member}}",
        "repositories_url": f"{address}/repos",
    }
