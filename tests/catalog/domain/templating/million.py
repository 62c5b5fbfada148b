"""The long run: `python -m tests.catalog.domain.templating.million` checks a million values in all places of templates.

The properties are those of test_structure and test_structure_of_files; the values are made by chance from the same
hostile pieces, far faster than hypothesis draws them, and are not shrunk: what fails is printed with its seed.
"""

import argparse
import random
import sys
import time
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from tests.catalog.domain.templating import test_structure, test_structure_of_files
from tests.catalog.domain.templating.hostile import FRAGMENTS

HANDFUL = 50


class Maker:
    """Makes values of every kind by chance."""

    def __init__(self, seed: int) -> None:
        """Take the seed: one seed, one sequence of values."""
        self._random = random.Random(seed)  # noqa: S311 - no secret is made of it

    def text(self) -> str:
        """Return hostile pieces and single characters of all of Unicode, joined."""
        return "".join(self._piece() for _ in range(self._random.randrange(7)))

    def value(self, depth: int = 0) -> Any:
        """Return a text, a number, a boolean, nothing, or a list or an object of these."""
        kind = self._random.random()
        if depth < 3 and kind < 0.2:
            return [self.value(depth + 1) for _ in range(self._random.randrange(4))]
        if depth < 3 and kind < 0.35:
            return {self.text(): self.value(depth + 1) for _ in range(self._random.randrange(4))}
        others: tuple[Callable[[], Any], ...] = (self._number, lambda: self._random.random() < 0.5, lambda: None)
        return self.text() if kind < 0.8 else self._random.choice(others)()

    def _piece(self) -> str:
        if self._random.random() < 0.7:
            return self._random.choice(FRAGMENTS)
        return chr(self._random.choice([self._random.randrange(0x80), self._random.randrange(0x3000), self._astral()]))

    def _astral(self) -> int:
        return self._random.randrange(0x110000)

    def _number(self) -> float:
        whole = self._random.randrange(-(2**70), 2**70)
        small, power = self._random.uniform(-1e3, 1e3), 10.0 ** (whole % 600 - 300)
        return self._random.choice([whole, whole % 100, small, float(whole), power])


def properties() -> Iterator[tuple[str, Callable[[list[Any]], None], bool]]:
    """Yield every property with its name, and whether it wants texts alone."""
    modules: tuple[ModuleType, ...] = (test_structure, test_structure_of_files)
    for module in modules:
        for name, test in vars(module).items():
            if name.startswith("test_") and hasattr(test, "hypothesis") and test.__module__ == module.__name__:
                check = test.hypothesis.inner_test
                yield name, check, check.__annotations__["drawn"] == list[str]


def say(line: str) -> None:
    """Write a line at once, for whoever waits."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def check_values(values: int, seed: int) -> int:
    """Check at least so many values over all properties; return how many. Raises when one changes a structure."""
    checks = list(properties())
    each = -(-values // (len(checks) * HANDFUL)) * HANDFUL
    say(f"seed {seed}, {len(checks)} properties of {each} values")
    for number, (name, check, is_of_texts) in enumerate(checks):
        maker = Maker(seed * 1_000 + number)
        make = maker.text if is_of_texts else maker.value
        began = time.monotonic()
        for _ in range(each // HANDFUL):
            drawn = [make() for _ in range(HANDFUL)]
            try:
                check(drawn)
            except BaseException:
                say(f"{name} fails for one of {drawn!r}")
                raise
        say(f"{each} values in {time.monotonic() - began:.0f} s: {name}")
    return each * len(checks)


def main() -> int:
    """Check and count; return 0, as the first value that changes a structure raises."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--values", type=int, default=1_000_000, help="over all properties together")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 10**6)
    options = parser.parse_args()
    say(f"{check_values(options.values, options.seed)} values, none changed a structure")
    return 0


if __name__ == "__main__":
    sys.exit(main())
