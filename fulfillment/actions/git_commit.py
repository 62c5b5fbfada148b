"""The action type `git-commit`: one commit on a branch and, when the document wants it, a pull request.

It is done when GitHub has confirmed the commit, and the pull request, its people and its merging as far as they are
wanted. The commit and the pull request carry the task's id, and are looked for by it before either is made again.
"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from fulfillment.actions.git_change import Change
from fulfillment.actions.git_github import COMMIT, Committer
from fulfillment.actions.git_pull_request import MERGE, PULL, PullRequester, reference_of
from fulfillment.actions.protocol import Call, Context, Outcome, Reference, Status, Verdict
from pao.clients import github, repositories
from pao.clients.github import GitHubClient
from pao.clients.github_connection import place
from pao.clients.repositories import Repositories
from pao.core.errors import ActionFailed, Misconfigured, PaoError

TYPE = "git-commit"
DEFAULT_BRANCH = "(the default branch)"
_DELIVERY = {"open": "open", "merged": "done", "closed": "rejected"}


class GitCommit:
    """Commits files; `client` gives GitHub, `allowed` the repositories that may be changed: those of the settings."""

    type: ClassVar[str] = TYPE

    def __init__(
        self,
        client: Callable[[], GitHubClient] = github.from_settings,
        allowed: Callable[[], Repositories] = repositories.from_settings,
    ) -> None:
        self._connect, self._allowed = client, allowed

    def plan(self, config: Mapping[str, Any], context: Context) -> tuple[Call, ...]:
        """Return the calls that `run` would make; asks GitHub nothing, so what only it knows stands in brackets."""
        change, client = self._prepared(config)
        at = f"{client.url}{place(change.repository)}"
        tree = {"base_tree": f"(the tree of {change.branch})", "tree": [file.entry() for file in change.files]}
        message = change.signed_message(context)
        commit = {"message": message, "tree": "(the new tree)", "parents": [f"(the head of {change.branch})"]}
        calls = [
            Call("POST", f"{at}/git/trees", tree, note="Without the files that are so already."),
            Call("POST", f"{at}/git/commits", commit),
            Call(
                "PATCH",
                f"{at}/git/refs/heads/{change.branch}",
                {"sha": "(the new commit)", "force": False},
                note=f"When there is no {change.branch}, it is made from the default branch instead.",
            ),
        ]
        return (*calls, *_planned_pull_request(client, change, context, at))

    def run(self, config: Mapping[str, Any], context: Context) -> Outcome:
        """Commit unless it is committed, then bring the pull request to where the document wants it.

        Raises `CallRefused` with GitHub's words, or when the repository is not among those that may be changed,
        `ConnectFailed`, `OutcomeUnknown`, `ActionFailed` for what the document gets wrong, and `JobFailed` when the
        pull request is not merged; what exists by then is under `references`.
        """
        change, client = self._prepared(config)
        committer = Committer(client, change, context)
        if change.pull_request is not None and committer.default_branch == change.branch:
            raise ActionFailed(
                f"The document asks for a pull request from {change.branch}, which is the default branch of "
                f"{change.repository}. Let it commit to another branch. Nothing was changed.",
                code="INVALID_CONFIG",
                path="branch",
            )
        commit = context.journal.result_of(COMMIT) or committer.committed()
        references = () if commit.get("unchanged") else (_commit_reference(change, commit),)
        try:
            return _requested(client, change, context, committer, commit)
        except PaoError as error:
            pull = context.journal.result_of(PULL)
            error.facts["references"] = (*references, *([reference_of(change.repository, pull)] if pull else []))
            raise

    def reconcile(self, config: Mapping[str, Any], context: Context, step: str) -> Verdict:
        """Look for the commit or the pull request by the task's mark; what is not there may be sent again.

        That is safe here: a branch moves forwards only and takes one open pull request, so of two the second is
        refused, also when the first arrives late.
        """
        try:
            change, client = self._prepared(config)
            return _verdict(client, change, context, step)
        except PaoError as error:
            return Verdict("unknown", f"GitHub could not be asked for the task {context.task_id}: {error.message}")

    def status(self, reference: Reference) -> Status:
        """Ask GitHub how a pull request stands; a commit is done. `unknown` with the reason when it cannot say."""
        if reference.type == TYPE:
            return Status("done", "committed")
        repository, _, number = reference.key.partition("#")
        if not number.isdigit():
            return Status("unknown", f"{reference.key} is no pull request.")
        try:
            pull = self._client().pull(repository, int(number))
        except PaoError as error:
            return Status("unknown", error.message)
        return Status(_DELIVERY[pull.state], pull.state)  # type: ignore[arg-type]

    def _prepared(self, config: Mapping[str, Any]) -> tuple[Change, GitHubClient]:
        change = Change.from_config(config)
        self._allowed().check(change.repository)
        return change, self._client()

    def _client(self) -> GitHubClient:
        try:
            return self._connect()
        except Misconfigured as error:
            raise ActionFailed(error.message, code="GITHUB_NOT_CONFIGURED") from error


def _requested(
    client: GitHubClient, change: Change, context: Context, committer: Committer, commit: Mapping[str, Any]
) -> Outcome:
    """Return the outcome of a commit that is there, with the pull request if one is wanted."""
    result = {name: commit[name] for name in ("sha", "branch", "url")} | {"pullRequest": None}
    references = () if commit.get("unchanged") else (_commit_reference(change, commit),)
    warnings = [f"{name} has no effect without createPullRequest." for name in change.ignored]
    if commit.get("unchanged"):
        warnings.append(f"Nothing had to be committed: {commit['branch']} has every file as the document wants it.")
    if change.pull_request is None or (commit.get("unchanged") and commit["branch"] != change.branch):
        return Outcome(result, references, tuple(warnings))
    opened = PullRequester(client, change, change.pull_request, context).requested(committer.default_branch)
    if opened.pull is not None:
        result["pullRequest"] = {"number": opened.pull["number"], "url": opened.pull["url"]}
        references = (*references, reference_of(change.repository, opened.pull))
    return Outcome(result, references, (*warnings, *opened.warnings), wait=opened.wait)


def _verdict(client: GitHubClient, change: Change, context: Context, step: str) -> Verdict:
    mark = f"with PAO-Task: {context.task_id}"
    if step == COMMIT:
        head = client.head(change.repository, change.branch, not_after=context.deadline)
        commit = Committer(client, change, context).found(head)
        if commit is not None:
            evidence = f"{change.repository} has the commit {commit['sha'][:12]} {mark}: {commit['url']}."
            return Verdict("done", evidence, Outcome(commit, (_commit_reference(change, commit),)))
        return Verdict("not_done", f"{change.branch} has no commit {mark}. It may be sent again: it counts once.")
    if step in {PULL, MERGE} and change.pull_request is not None:
        requester = PullRequester(client, change, change.pull_request, context)
        pull = requester.found() if step == PULL else context.journal.result_of(PULL)
        if pull is None:
            return Verdict("not_done", f"There is no pull request {mark}. GitHub takes only one for the branch.")
        if step == PULL or client.pull(change.repository, int(pull["number"])).state == "merged":
            evidence = f"Pull request {pull['url']} is {'there' if step == PULL else 'merged'}."
            return Verdict("done", evidence, Outcome(pull, (reference_of(change.repository, pull),)))
    return Verdict("not_done", "Asking for it twice is harmless, so it may be sent again.")


def _planned_pull_request(client: GitHubClient, change: Change, context: Context, at: str) -> list[Call]:
    wanted = change.pull_request
    if wanted is None:
        return []
    calls = [Call("POST", f"{at}/pulls", PullRequester(client, change, wanted, context).body(DEFAULT_BRANCH))]
    if wanted.assignees:
        calls.append(Call("POST", f"{at}/issues/(number)/assignees", {"assignees": list(wanted.assignees)}))
    if wanted.reviewers or wanted.teams:
        asked = {"reviewers": list(wanted.reviewers), "team_reviewers": list(wanted.teams)}
        calls.append(Call("POST", f"{at}/pulls/(number)/requested_reviewers", asked))
    if wanted.merge is not None:
        body = {"sha": "(the head of the pull request)", "merge_method": wanted.merge}
        calls.append(Call("PUT", f"{at}/pulls/(number)/merge", body, note="When reviews and checks allow it."))
    return calls


def _commit_reference(change: Change, commit: Mapping[str, Any]) -> Reference:
    return Reference(type=TYPE, key=f"{change.repository}@{commit['sha'][:12]}", url=str(commit["url"]))
