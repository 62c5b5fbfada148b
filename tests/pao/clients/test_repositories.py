"""Which repositories may be changed: none, unless a pattern covers them."""

import pytest

from pao.clients.repositories import Repositories
from pao.core.errors import CallRefused, Misconfigured


@pytest.mark.parametrize(
    ("pattern", "repository"),
    [("acme/platform", "acme/platform"), ("acme/*", "ACME/.github"), ("*/infra-*", "acme/infra-eu"), ("*/*", "a/b")],
)
def test_what_a_pattern_covers(pattern: str, repository: str) -> None:
    Repositories.of(["other/x", pattern]).check(repository)


@pytest.mark.parametrize(
    ("patterns", "repository"),
    [
        ([], "acme/platform"),
        (["acme/platform"], "acme/platform2"),
        (["acme/*"], "acme-evil/platform"),
        (["acme/*"], "acme/a/b"),
        (["acme/a.c"], "acme/abc"),
        (["acme/*"], "acme/platform\n"),
    ],
)
def test_what_no_pattern_covers(patterns: list[str], repository: str) -> None:
    with pytest.raises(CallRefused, match="PAO_GIT_REPOSITORIES") as refused:
        Repositories.of(patterns).check(repository)
    assert refused.value.facts["code"] == "DESTINATION_NOT_ALLOWED"


@pytest.mark.parametrize("pattern", ["acme", "acme/*/x", "https://github.com/acme/x", "acme/ x", ""])
def test_a_pattern_that_is_none_is_told(pattern: str) -> None:
    with pytest.raises(Misconfigured, match="owner/name"):
        Repositories.of([pattern])
