"""The pull request of a `git-commit`: opened once, its people asked, merged when it may be.

GitHub takes one open pull request from a branch into another, so opening it again is refused and the one that is there
is taken; asking for reviews, assigning and merging are harmless to repeat.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

from fulfillment.actions.git_change import Change, PullRequest, carries
from fulfillment.actions.protocol import Context, Reference
from pao.clients.github import PULL_EXISTS, GitHubClient, Pull
from pao.clients.redaction import masked_body
from pao.core.errors import CallRefused, JobFailed, OutcomeUnknown
from requests_app.domain.waits import Wait

PULL = "pull-request"
ASSIGN, REVIEWS, MERGE = "assignees", "reviewers", "merge"
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 30.0, 600.0
_MAY_BE_MERGED = frozenset({"clean", "unstable", "has_hooks"})
_WORDS = {
    "blocked": "reviews or checks are missing",
    "behind": "its branch is behind the base",
    "draft": "it is a draft",
    "unknown": "GitHub has not yet found out whether it can be merged",
}
_NEVER = re.compile(r"not allowed on this repository", re.IGNORECASE)


@dataclass
class Opened:
    """What became of the pull request: None when there is nothing to pull; `wait` while it may not be merged yet."""

    pull: Mapping[str, Any] | None
    warnings: list[str] = field(default_factory=list)
    wait: Wait | None = None


class PullRequester:
    """Brings the pull request of one task to where the document wants it."""

    def __init__(self, client: GitHubClient, change: Change, wanted: PullRequest, context: Context) -> None:
        self._client, self._change, self._wanted, self._context = client, change, wanted, context
        self._until = context.deadline

    def requested(self, base: str) -> Opened:
        """Open the pull request into `base` unless it is there, and go on from where earlier attempts were.

        Raises `CallRefused` with GitHub's words, `OutcomeUnknown`, and `JobFailed` with code PULL_REQUEST_CLOSED,
        MERGE_CONFLICT or MERGE_REFUSED when it will not be merged as the document wants.
        """
        known = self._context.journal.result_of(PULL) or self._opened(base)
        if known is None:
            return Opened(None, [f"No pull request was opened: {base} has everything already."])
        opened = Opened(known, list(known.get("warnings") or ()))
        if self._context.waited is None:
            opened.warnings += self._people(known["number"])
        else:
            opened.warnings += list(self._context.waited.get("warnings") or ())
        if self._wanted.merge is not None:
            opened.wait = self._merged(known, opened.warnings)
        return opened

    def found(self) -> Mapping[str, Any] | None:
        """Return the pull request that carries the task's mark, open or not."""
        pulls = self._client.pulls(self._change.repository, self._change.branch, not_after=self._until)
        return next((_result(one) for one in pulls if carries(one.body, self._context)), None)

    def _opened(self, base: str) -> Mapping[str, Any] | None:
        if self._context.attempt > 1 and (found := self.found()):
            return self._taken(found)
        body = self.body(base)
        said = f"open a pull request from {self._change.branch} into {base} of {self._change.repository}"
        self._context.journal.intend(PULL, said, {"repository": self._change.repository, **masked_body(body)})
        try:
            pull = self._client.open_pull(self._change.repository, body, not_after=self._until)
        except OutcomeUnknown as error:
            raise OutcomeUnknown(error.message, **{**error.facts, "marker": self._context.marker}) from error
        except CallRefused as refusal:
            if refusal.facts.get("code") != PULL_EXISTS:
                raise
            return self._taken(self._open_one(refusal))
        if pull is None:
            return None
        self._context.journal.done(PULL, _result(pull))
        self._context.journal.note(f"Opened pull request #{pull.number}", url=pull.url)
        return _result(pull)

    def body(self, base: str) -> dict[str, str]:
        """Return what is sent to open the pull request."""
        text = self._change.signed_body(self._context)
        return {"title": self._wanted.title, "body": text, "head": self._change.branch, "base": base}

    def _open_one(self, refusal: CallRefused) -> Mapping[str, Any]:
        pulls = self._client.pulls(self._change.repository, self._change.branch, not_after=self._until)
        found = next((one for one in pulls if one.state == "open"), None)
        if found is None:
            raise refusal
        if carries(found.body, self._context):
            return _result(found)
        warning = f"Pull request #{found.number} of the branch was open already; the commit is in it."
        return {**_result(found), "warnings": [warning]}

    def _taken(self, result: Mapping[str, Any]) -> Mapping[str, Any]:
        self._context.journal.done(PULL, result)
        self._context.journal.note(f"Pull request #{result['number']} is there already; it is taken", url=result["url"])
        return result

    def _people(self, number: int) -> list[str]:
        """Ask for reviews and assign; what GitHub refuses of it is told as a warning, for the work itself is there."""
        wanted, warnings = self._wanted, []
        if wanted.assignees and self._context.journal.result_of(ASSIGN) is None:
            left_out: tuple[str, ...] = ()
            try:
                self._context.journal.intend(ASSIGN, f"assign pull request #{number}", {"to": list(wanted.assignees)})
                left_out = self._client.assign(self._change.repository, number, wanted.assignees, not_after=self._until)
                self._context.journal.done(ASSIGN, {"left_out": list(left_out)})
            except CallRefused as refusal:
                warnings.append(f"Nobody was assigned. {refusal.message}")
            if left_out:
                warnings.append(f"GitHub does not let {', '.join(left_out)} be assigned in this repository.")
        if (wanted.reviewers or wanted.teams) and self._context.journal.result_of(REVIEWS) is None:
            asked = {"reviewers": list(wanted.reviewers), "teams": list(wanted.teams)}
            try:
                self._context.journal.intend(REVIEWS, f"ask for reviews of pull request #{number}", asked)
                self._client.request_reviews(
                    self._change.repository, number, wanted.reviewers, wanted.teams, not_after=self._until
                )
                self._context.journal.done(REVIEWS, asked)
            except CallRefused as refusal:
                warnings.append(f"Nobody was asked for a review. {refusal.message}")
        return warnings

    def _merged(self, known: Mapping[str, Any], warnings: list[str]) -> Wait | None:
        """Merge if it may be; return what to wait for if not yet, None when it is merged."""
        number, repository = int(known["number"]), self._change.repository
        if self._context.journal.result_of(MERGE) is not None:
            return None
        pull = self._client.pull(repository, number, not_after=self._until)
        if pull.state == "merged":
            return None
        self._refuse_hopeless(pull)
        words = _WORDS.get(pull.mergeable, f"GitHub says {pull.mergeable or 'nothing about it'}")
        if pull.mergeable in _MAY_BE_MERGED and self._wanted.merge is not None:
            sent = {"sha": pull.head, "merge_method": self._wanted.merge}
            self._context.journal.intend(MERGE, f"merge pull request #{number} of {repository}", sent)
            words = self._client.merge_pull(repository, number, pull.head, self._wanted.merge, not_after=self._until)
            if not words:
                self._context.journal.done(MERGE, sent)
                self._context.journal.note(f"Merged pull request #{number}", url=pull.url)
                return None
            if _NEVER.search(words):
                raise self._hopeless(
                    pull, code="MERGE_REFUSED", problem=f"GitHub refuses to merge it: {words.rstrip('.')}"
                )
        return self._later(pull, words, warnings)

    def _refuse_hopeless(self, pull: Pull) -> None:
        if pull.state == "closed":
            raise self._hopeless(pull, code="PULL_REQUEST_CLOSED", problem="it was closed without being merged")
        if pull.mergeable == "dirty":
            raise self._hopeless(
                pull,
                code="MERGE_CONFLICT",
                problem="it conflicts with its base. Resolve that on its branch, then retry",
            )

    def _hopeless(self, pull: Pull, *, code: str, problem: str) -> JobFailed:
        sentence = f"Pull request #{pull.number} ({pull.url}) is not merged: {problem}."
        return JobFailed(sentence, code=code)

    def _later(self, pull: Pull, words: str, warnings: list[str]) -> Wait:
        looks = int((self._context.waited or {}).get("looks") or 0)
        return Wait(
            what=f"pull request {pull.url} to be merged ({words.rstrip('.')})",
            ends_after=float(settings.PAO_GIT_MERGE_WAIT_SECONDS),
            looks_after=min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** min(looks, 10)),
            state={"looks": looks + 1, "warnings": warnings},
        )


def reference_of(repository: str, pull: Mapping[str, Any]) -> Reference:
    """Return the reference to a pull request."""
    return Reference(type=PULL, key=f"{repository}#{pull['number']}", url=str(pull["url"]))


def _result(pull: Pull) -> dict[str, Any]:
    return {"number": pull.number, "url": pull.url}
