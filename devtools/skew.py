"""Run a module in a process whose clock is wrong: `python -m devtools.skew SECONDS MODULE [ARGUMENT...]`.

The clock goes on from there at its usual pace, also in the processes that the module forks. What compares moments of
two machines must not notice (F50).
"""

import runpy
import sys
import time
from collections.abc import Sequence

import time_machine


def main(argv: Sequence[str]) -> None:
    """Run the module as a program; the first argument is by how many seconds the clock is ahead, or behind below 0."""
    seconds, module, *arguments = argv
    sys.argv = [module, *arguments]
    with time_machine.travel(time.time() + float(seconds)):
        runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
