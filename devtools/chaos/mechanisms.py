"""The mechanisms that keep PAO from losing and doubling, and how each is taken out of the code for an experiment.

Where a second net lies under the first, both are taken out: it is the duty that is missing, not a line.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Change:
    """A text of a module, and what stands there without the mechanism."""

    module: str
    old: str
    new: str


@dataclass(frozen=True)
class Mechanism:
    """One duty of the pipeline: what it does, and the changes that leave it undone."""

    does: str
    changes: tuple[Change, ...]


MECHANISMS: Mapping[str, Mechanism] = {}
