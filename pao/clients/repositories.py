"""Which repositories PAO may change: an allowlist of owner/name, closed unless operators open it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings

from pao.clients.destinations import NOT_ALLOWED, next_step
from pao.core.errors import CallRefused, Misconfigured

SETTING = "PAO_GIT_REPOSITORIES"
_PATTERN = re.compile(r"[A-Za-z0-9*-]+/[A-Za-z0-9._*-]+", re.ASCII)


@dataclass(frozen=True)
class Repositories:
    """Patterns of owner/name; `*` stands for any part of one of the two, case does not matter (as GitHub has it)."""

    patterns: tuple[str, ...]

    @classmethod
    def of(cls, patterns: Iterable[str]) -> "Repositories":
        """Build the allowlist; raises `Misconfigured` for a pattern that is none."""
        given = tuple(patterns)
        wrong = next((one for one in given if not _PATTERN.fullmatch(one)), None)
        if wrong is not None:
            raise Misconfigured(f"{SETTING}: {wrong!r} is not written owner/name, such as acme/* or acme/platform.")
        return cls(given)

    def check(self, repository: str) -> None:
        """Raise `CallRefused` (code DESTINATION_NOT_ALLOWED) unless a pattern covers the repository."""
        if not any(_matches(pattern, repository) for pattern in self.patterns):
            raise CallRefused(
                f"PAO may not change {repository}. An operator can allow it by adding {repository}, or a pattern such "
                f"as {repository.partition('/')[0]}/*, to {SETTING}. Nothing was sent.",
                code=NOT_ALLOWED,
                setting=SETTING,
                next_step=next_step(SETTING),
            )


def from_settings() -> Repositories:
    """Return the allowlist of PAO_GIT_REPOSITORIES."""
    return Repositories.of(settings.PAO_GIT_REPOSITORIES)


def _matches(pattern: str, repository: str) -> bool:
    expression = "[^/\\s]*".join(re.escape(part) for part in pattern.split("*"))
    return re.fullmatch(expression, repository, re.IGNORECASE) is not None
