"""Whether the team that a document names is one of those that CODEOWNERS has review it (B13).

The two say different things – who answers for the entry, who reviews its file – so that they differ is a warning, for
authors only: `check_catalog` tells it, a sync does not.
"""

from collections.abc import Iterator, Mapping

from catalog.domain.codeowners import CodeOwners
from catalog.domain.codes import Profile
from catalog.domain.findings import Finding, Report, quoted
from catalog.domain.plain import mapping
from catalog.domain.yaml_reader import read

_TEAM = ("metadata", "owner", "team")


def mismatches(files: Mapping[str, bytes], owners: CodeOwners, *, profile: Profile) -> Iterator[Finding]:
    """Yield a warning for each document whose team is none of the teams that own its file.

    Only teams are compared, by their names without the organisation, and without `-team` at the end; a file that only
    people own, or nobody, is as its team likes.
    """
    for file, content in files.items():
        teams = sorted({owner.rpartition("/")[2] for owner in owners.owners_of(file) if "/" in owner})
        if not teams:
            continue
        reading = read(content, file=file)
        team = mapping(mapping(mapping(reading.data).get("metadata")).get("owner")).get("team")
        if not isinstance(team, str) or _plain(team) in map(_plain, teams):
            continue
        report = Report(file=file, positions=reading.positions, profile=profile)
        message = f"The team {quoted(team)} owns the entry, but CODEOWNERS has its file reviewed by {', '.join(teams)}"
        report.add("owner_mismatch", _TEAM, message, hint="Correct the one that is wrong, or name both in CODEOWNERS.")
        yield from report.findings


def _plain(team: str) -> str:
    return team.casefold().removesuffix("-team")
