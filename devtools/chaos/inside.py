"""Run a module of PAO as chaos wants it: `python -m devtools.chaos.inside MODULE [ARGUMENT...]`.

PAO_CHAOS_DEATHS names a file to which a failpoint that kills writes its name first, so that every death inside a
process is counted. PAO_CHAOS_WITHOUT names a mechanism that is taken out of PAO's code while it is imported: the
product itself has no switch for that.
"""

import os
import runpy
import signal
import sys
from collections.abc import Sequence
from typing import Protocol

DEATHS = "PAO_CHAOS_DEATHS"
WITHOUT = "PAO_CHAOS_WITHOUT"


def main(argv: Sequence[str]) -> None:
    """Run the module as a program, with what the environment asks for."""
    module, *arguments = argv
    if mechanism := os.environ.get(WITHOUT):
        from devtools.chaos import mutate

        mutate.take_out(mechanism)
    if path := os.environ.get(DEATHS):
        from pao import failpoints

        failpoints.die = _recorded(path)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


class _Die(Protocol):
    def __call__(self, name: str) -> None: ...


def _recorded(path: str) -> _Die:
    def die(name: str) -> None:
        """Write the name, whole or not at all beside others that die now, and end."""
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(descriptor, f"{name}\n".encode())
        os.kill(os.getpid(), signal.SIGKILL)

    return die


if __name__ == "__main__":
    main(sys.argv[1:])
