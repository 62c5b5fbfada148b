"""`check_catalog`: tell authors what is wrong with their documents, before anybody else is told.

It needs files alone: no Django, no database, no settings. It is reached as `python manage.py check_catalog`, as
`python -m catalog.check`, as `pao-check-catalog`, and as a pre-commit hook (section checker of the catalog contract).
"""

import argparse
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TextIO

from catalog.changed_files import difference, touched
from catalog.check_formats import FORMATS, Outcome
from catalog.domain import codeowners
from catalog.domain.codes import Profile
from catalog.domain.findings import Finding, in_order
from catalog.domain.ownership import mismatches
from catalog.domain.part import check_part
from catalog.working_tree import Selection, WorkingTree, locate, read_tree
from pao.core.errors import CatalogUnavailable, PaoError

CLEAN, PROBLEMS, COULD_NOT_RUN = 0, 1, 2
_MOST_TOLD = 20
DESCRIPTION = (
    "Check catalog documents as PAO's sync will, and tell what is wrong by file, line and column. "
    "The exit status is 0 without errors (warnings alone are told and do not count), 1 with errors, 2 when the check "
    "could not run."
)


@dataclass(frozen=True)
class Options:
    """What is asked: paths, profile, the base of `--changed` (empty: everything), and the format."""

    paths: Sequence[str]
    profile: Profile = "strict"
    changed: str = ""
    format: str = "text"


def main(arguments: Sequence[str] | None = None, *, out: TextIO | None = None, err: TextIO | None = None) -> int:
    """Run the command with its arguments, by default the process's; print to `out` and `err`, or the standard streams.

    Returns 0 without errors, 1 with errors, 2 when it could not run. `--help` and wrong options end as argparse ends.
    """
    parser = argparse.ArgumentParser(prog="check_catalog", description=DESCRIPTION)
    add_options(parser)
    return run(Options(**vars(parser.parse_args(arguments))), out=out or sys.stdout, err=err or sys.stderr)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments, named as the members of `Options`."""
    parser.add_argument(
        "paths",
        nargs="*",
        default=["."],
        metavar="PATH",
        help="a catalog repository, or a folder or file in one, which is judged together with the rest of it; "
        "default: the current folder",
    )
    parser.add_argument(
        "--profile",
        choices=("strict", "relaxed"),
        default="strict",
        help="strict is what authors are held to (the default), relaxed what a sync serves",
    )
    parser.add_argument(
        "--changed",
        default="",
        metavar="BASE",
        help="tell only about files that differ from where the branch left BASE, such as origin/main, and about the "
        "bundles that use them",
    )
    parser.add_argument(
        "--format", choices=tuple(FORMATS), default="text", help="github: annotations of a workflow; default: text"
    )


def run(options: Options, *, out: TextIO, err: TextIO) -> int:
    """Check what is asked, print the outcome to `out` and what was passed over to `err`; return the exit status."""
    try:
        outcomes = list(_outcomes(options, err))
    except PaoError as error:
        _print(err, [f"check_catalog: {error.message}"])
        return COULD_NOT_RUN
    files = sorted({file for outcome in outcomes for file in outcome.files})
    findings = in_order(finding for outcome in outcomes for finding in outcome.findings)
    _print(out, FORMATS[options.format](Outcome(options.profile, files, findings)))
    return PROBLEMS if any(finding.severity == "error" for finding in findings) else CLEAN


def _outcomes(options: Options, err: TextIO) -> Iterator[Outcome]:
    selections = [locate(path) for path in options.paths]
    for root in dict.fromkeys(selection.root for selection in selections):
        tree = read_tree(root)
        _print(err, (f"{_shown(root, link)} is a symbolic link: PAO does not read it." for link in tree.links))
        chosen = [selection for selection in selections if selection.root == root]
        misplaced = [file for file in tree.misplaced if any(selection.holds(file) for selection in chosen)]
        _print(err, _misplaced(root, misplaced))
        if not tree.documents:
            where = f"{root.name}/: documents stand in catalog/<category>/ and bundles/"
            raise CatalogUnavailable(f"There is no catalog document in {where}.")
        asked = _asked(tree, chosen)
        if misplaced and not asked:
            raise CatalogUnavailable("What is to be checked holds no catalog document.")
        if options.changed:
            asked &= touched(tree.documents, difference(root, options.changed))
        findings = _findings(tree, asked, options.profile)
        yield Outcome(
            options.profile,
            [_shown(root, file) for file in asked],
            [replace(finding, file=_shown(root, finding.file)) for finding in findings],
        )


def _misplaced(root: Path, files: Sequence[str]) -> Iterator[str]:
    where = "documents stand in catalog/<category>/ or bundles/, and end in .yaml or .yml"
    for file in files[:_MOST_TOLD]:
        yield f"{_shown(root, file)} is not checked, and PAO does not serve it: {where}."
    if len(files) > _MOST_TOLD:
        yield f"{len(files) - _MOST_TOLD} more files are not checked for that reason."


def _asked(tree: WorkingTree, selections: Sequence[Selection]) -> set[str]:
    files = {*tree.documents, *([tree.code_owners[0]] if tree.code_owners else [])}
    return {file for file in files if any(selection.holds(file) for selection in selections)}


def _findings(tree: WorkingTree, asked: set[str], profile: Profile) -> Iterator[Finding]:
    yield from check_part(tree.documents, asked, profile=profile)
    if tree.code_owners:
        file, content = tree.code_owners
        owners = codeowners.parse(content.decode("utf-8", "replace"), file=file)
        if file in asked:
            yield from owners.problems
        documents = {path: tree.documents[path] for path in sorted(asked) if path in tree.documents}
        yield from mismatches(documents, owners, profile=profile)


def _shown(root: Path, file: str) -> str:
    """Return the file as people, editors and GitHub find it: from the folder that the command runs in."""
    return Path(os.path.relpath(root / file)).as_posix()


def _print(stream: TextIO, lines: Iterable[str]) -> None:
    """Print the lines, with escapes for what the stream's encoding lacks: a file's name need not be text."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    stream.writelines(line.encode(encoding, "backslashreplace").decode(encoding) + "\n" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
