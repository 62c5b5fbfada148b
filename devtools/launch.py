"""Become another program that ends when its parent ends.

Run as a script, in a fresh interpreter, and never imported by the product:

    python -I -S devtools/launch.py PARENT SIGNAL IDENTITY [PROGRAM [ARGUMENT...]]

PARENT is the process id that must live on, SIGNAL the number sent to the program when it does not, IDENTITY one of
`same`, `namespace:UID` (a user namespace that shows the caller as UID) and `user:UID:GID` (needs root). Without a
PROGRAM it only tries whether the identity can be taken: status 0 or 125.

A script instead of subprocess's preexec_fn, because that hook may deadlock in a program with threads. The parent-death
signal is set last: the kernel clears it whenever the credentials change.
"""

import ctypes
import os
import signal
import sys
from pathlib import Path

EXIT_REFUSED = 125
_PR_SET_PDEATHSIG = 1
_CLONE_NEWUSER = 0x10000000


def _call(name: str, *arguments: int) -> None:
    """Call a function of the C library; raises OSError with its errno. Systems without it (macOS) go on without."""
    function = getattr(ctypes.CDLL(None, use_errno=True), name, None)
    if function is not None and function(*arguments) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")


def _enter_namespace(shown_as: int) -> None:
    """Enter a new user namespace in which the caller's uid and gid are both `shown_as`."""
    uid, gid = os.geteuid(), os.getegid()
    _call("unshare", _CLONE_NEWUSER)
    Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
    Path("/proc/self/uid_map").write_text(f"{shown_as} {uid} 1", encoding="ascii")
    Path("/proc/self/gid_map").write_text(f"{shown_as} {gid} 1", encoding="ascii")
    if os.geteuid() != shown_as:
        raise OSError(f"the user namespace shows uid {os.geteuid()}, not {shown_as}")


def _take_identity(identity: str) -> None:
    """Change the user as the IDENTITY argument says; raises OSError when that is not allowed."""
    kind, _, numbers = identity.partition(":")
    if kind == "namespace":
        _enter_namespace(int(numbers))
    elif kind == "user":
        uid, gid = map(int, numbers.split(":"))
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)


def _restore_signals() -> None:
    """Undo what the interpreter, or a caller's thread, changed and exec would pass on."""
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def main(arguments: list[str]) -> int:
    """Become the program; returns only when that failed, with the exit status of the failure."""
    parent, number, identity, *program = arguments
    try:
        _take_identity(identity)
        if not program:
            return 0
        _call("prctl", _PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != int(parent):
            return EXIT_REFUSED  # the parent died before the signal was set, so nobody would ever end the program
        _restore_signals()
        os.execvp(program[0], program)  # noqa: S606 (no shell is exactly what is wanted)
    except OSError as error:
        sys.stderr.write(f"cannot start {program[:1]} as {identity}: {error}\n")
    return EXIT_REFUSED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
