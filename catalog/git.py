"""Runs git: with an environment of its own, for a bounded time, with bounded answers, and nothing left running.

Git gets argument lists, never a shell's line (B70). What it says is repeated without credentials: those of the
addresses that it was given, however it writes them, and whatever else looks like some.
"""

import os
import re
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Self
from urllib.parse import unquote

from pao.core.errors import CatalogInvalid, CatalogUnavailable, Misconfigured

MOST_WRITTEN_BYTES = 1024**3
"""Most bytes of one file that git may write: the pack of a repository beyond it is refused while it comes."""
_MOST_WORDS = 64 * 1024
_PORTION = 1024 * 1024
_CREDENTIALS = re.compile(r"(?<=//)[^/\s]+(?=@)|(?<=\?)[^\s'\"]+")
_PARTS = re.compile(r"[\s:/?#@&=]+")
_SHORTEST_PART = 4
"""Shorter parts of a secret say little, and stand in every other word."""
_HIDDEN = "***"
# The shell sets the limit for git and its children, in blocks of 512 bytes, and is replaced by git.
_LIMITED = ("sh", "-c", 'ulimit -f "$1" && shift && exec git "$@"', "git")
_CONFIGURATION = {
    "safe.directory": "*",
    "gc.autoDetach": "false",
    "maintenance.autoDetach": "false",
    "core.hooksPath": os.devnull,
    # Also when nobody is left to end it: a line that is all but silent is given up.
    "http.lowSpeedLimit": "100",
    "http.lowSpeedTime": "60",
}


def run(
    folder: Path, arguments: Sequence[str], *, seconds: float, given: bytes = b"", most_bytes: int | None = None
) -> bytes:
    """Run git in a folder, `given` as its input; return what it prints.

    Raises `CatalogUnavailable` with git's own words when it fails or takes longer, `CatalogInvalid` when it prints more
    than `most_bytes` or writes a file of more than `MOST_WRITTEN_BYTES`, `Misconfigured` without git.
    """
    blocks = str(MOST_WRITTEN_BYTES // 512)
    try:
        process = subprocess.Popen(
            [*_LIMITED, blocks, *arguments],
            cwd=folder,
            env=_environment(folder),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except FileNotFoundError:
        raise Misconfigured("git is not installed, and the catalog is read with it.") from None
    with _Watched(process, seconds, given) as watched:
        printed = watched.printed(most_bytes)
    if watched.is_late:
        raise CatalogUnavailable(f"git {arguments[0]} did not end within {seconds:g} seconds.")
    if printed is None:
        raise CatalogInvalid(f"The repository is too large: git {arguments[0]} tells of more than PAO reads.")
    if process.returncode != 0:
        raise _failure(process.returncode, arguments, watched.words)
    return printed


class _Watched:
    """A process with its deadline, and threads that keep its input and its words flowing."""

    def __init__(self, process: subprocess.Popen[bytes], seconds: float, given: bytes) -> None:
        self.words = b""
        self.is_late = False
        self._process = process
        self._deadline = threading.Timer(seconds, self._end_late)
        self._helpers = [
            threading.Thread(target=self._feed, args=(given,), daemon=True),
            threading.Thread(target=self._listen, daemon=True),
        ]

    def __enter__(self) -> Self:
        for thread in (self._deadline, *self._helpers):
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._deadline.cancel()
        self._kill()
        self._process.wait()
        for thread in self._helpers:
            thread.join(timeout=1)
        for pipe in (self._process.stdout, self._process.stderr):
            _pipe(pipe).close()

    def printed(self, most_bytes: int | None) -> bytes | None:
        """Return all that is printed, or None when it is more than `most_bytes`; waits for the end."""
        portions: list[bytes] = []
        size = 0
        while portion := _pipe(self._process.stdout).read(_PORTION):
            portions.append(portion)
            size += len(portion)
            if most_bytes is not None and size > most_bytes:
                return None
        self._process.wait()
        return b"".join(portions)

    def _feed(self, given: bytes) -> None:
        # It may end before it has read all; its exit status tells why.
        pipe = _pipe(self._process.stdin)
        with suppress(OSError):
            pipe.write(given)
        with suppress(OSError):
            pipe.close()

    def _listen(self) -> None:
        pipe = _pipe(self._process.stderr)
        with suppress(OSError, ValueError):  # closed by the main thread when something holds it open for ever
            while portion := os.read(pipe.fileno(), _PORTION):
                self.words = (self.words + portion)[:_MOST_WORDS]

    def _end_late(self) -> None:
        self.is_late = True
        self._kill()

    def _kill(self) -> None:
        """End the process and its children, such as ssh or the helper that speaks HTTP."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise ValueError("git was started without pipes")
    return pipe


def _environment(folder: Path) -> Mapping[str, str]:
    counted = {
        name: value
        for number, (key, setting) in enumerate(_CONFIGURATION.items())
        for name, value in ((f"GIT_CONFIG_KEY_{number}", key), (f"GIT_CONFIG_VALUE_{number}", setting))
    }
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": os.environ.get("HOME", str(folder)),
        "LC_ALL": "C",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_COUNT": str(len(_CONFIGURATION)),
        **counted,
        **{
            name: value for name, value in os.environ.items() if name.startswith(("GIT_SSH", "GIT_SSL", "SSH_", "SSL_"))
        },
    }


def _failure(status: int, arguments: Sequence[str], said: bytes) -> CatalogUnavailable | CatalogInvalid | Misconfigured:
    words = said.decode(errors="replace")
    if status == 127 and "git: not found" in words:  # noqa: PLR2004 - what every shell answers
        return Misconfigured("git is not installed, and the catalog is read with it.")
    if status in {-signal.SIGXFSZ, 128 + signal.SIGXFSZ} or f"signal {signal.SIGXFSZ:d}" in words:
        size = MOST_WRITTEN_BYTES // 1024**2
        return CatalogInvalid(f"The repository is too large: it comes with more than {size} MiB.")
    line = _without_credentials(words, arguments)
    return CatalogUnavailable(f"git {arguments[0]} failed: {line[:500]}")


def _without_credentials(words: str, arguments: Sequence[str]) -> str:
    """Return the words in one line, without what the addresses among git's arguments hold as credentials."""
    secrets = {secret for argument in arguments for secret in _secrets_of(argument)}
    for secret in sorted(secrets, key=len, reverse=True):
        words = words.replace(secret, _HIDDEN)
    return _CREDENTIALS.sub(_HIDDEN, " ".join(words.split()))


def _secrets_of(address: str) -> Iterator[str]:
    """Yield the user information and the query of an address, and what git may repeat of them.

    Where a password ends that holds signs which belong encoded there, nothing says; here it is the last @. The user of
    `user:password` is no secret, but one without a password is a token.
    """
    _, is_address, rest = address.partition("://")
    before, is_query, query = rest.partition("?")
    user_information, is_user, _ = before.rpartition("@")
    if not is_address:
        return
    if is_query:
        yield from _spellings(query)
    if is_user:
        yield from (user_information, unquote(user_information))
        user, has_password, password = user_information.partition(":")
        yield from _spellings(password if has_password else user)


def _spellings(secret: str) -> Iterator[str]:
    for spelled in (secret, unquote(secret), " ".join(secret.split())):
        yield from (each for each in (spelled, *_PARTS.split(spelled)) if len(each) >= _SHORTEST_PART)
