"""Payloads of GitHub's push event, as far as PAO reads them."""

from typing import Any

AFTER = "a" * 40
BEFORE = "b" * 40


def commit(commit_id: str = AFTER, /, **paths: list[Any]) -> dict[str, Any]:
    """Return a commit that adds, removes and modifies these paths."""
    return {"id": commit_id, "added": [], "removed": [], "modified": []} | paths


def pushed(
    *,
    repository: str = "acme/catalog",
    ref: str = "refs/heads/main",
    paths: list[str] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Return the payload of a push of one commit that modifies the paths (else: one document)."""
    changed = ["catalog/databases/database-small-test.yaml"] if paths is None else paths
    return {
        "ref": ref,
        "before": BEFORE,
        "after": AFTER,
        "created": False,
        "deleted": False,
        "forced": False,
        "repository": {"full_name": repository},
        "commits": [commit(modified=changed)],
        **more,
    }
