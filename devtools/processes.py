"""Start, watch and end the processes of the demo, the flows and chaos, so that none is ever left behind.

Three nets: every process leads a session of its own and gets SIGTERM from the kernel when this program dies, even by
kill -9; this program is a child subreaper, so an orphaned grandchild comes to it and not to init; and every process
carries a mark in its environment by which its descendants are known even after they have changed session.
"""

import contextlib
import ctypes
import http.client
import os
import random
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import psutil

from devtools.spawn import spawn
from pao.core import clock
from pao.core.errors import Misconfigured, Unavailable

LOG_LIMIT_BYTES = 10 * 1024 * 1024
_MARK = "PAO_SUPERVISED_BY"
_PR_SET_CHILD_SUBREAPER = 36
_POLL_SECONDS = 0.05
_FIRST_PORT = 20_000
_FIRST_EPHEMERAL_PORT = 32_768


class Managed:
    """One process under supervision, with its log; made by `Supervisor.start`."""

    def __init__(
        self, name: str, argv: Sequence[str], *, env: Mapping[str, str], cwd: Path, log_directory: Path
    ) -> None:
        self.name = name
        self.log_path = log_directory / f"{name}.log"
        self._mark = uuid.uuid4().hex
        self._argv = list(argv)
        self._env = {**env, _MARK: " ".join(filter(None, (env.get(_MARK), self._mark)))}
        self._cwd = cwd
        self.stopped = False
        self._process = self._spawn()

    @property
    def pid(self) -> int:
        """The process id of the leader, which is also the id of its group and session."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the leader runs."""
        return self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """The exit status, the negative number of the signal that ended it, or None while it runs."""
        return self._process.poll()

    def tail(self, lines: int = 20) -> str:
        """Return the last `lines` lines of the log, read from its last 64 KiB."""
        return tail_of(self.log_path, lines)

    def terminate(self) -> None:
        """Ask the leader to end (SIGTERM). Its children are its own business: a warm shutdown needs them."""
        if self.running:
            self._process.terminate()

    def freeze(self) -> None:
        """Stop the whole group where it is (SIGSTOP), as a machine that hangs; `thaw` wakes it again."""
        self._signal_group(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen group go on (SIGCONT)."""
        self._signal_group(signal.SIGCONT)

    def kill(self) -> None:
        """End the leader, its group and all its descendants at once (SIGKILL), as a dying machine would."""
        self.stopped = True
        remaining = self.descendants()
        self._signal_group(signal.SIGKILL)
        self._process.wait()
        while remaining:
            _kill_and_reap(remaining)
            remaining = self.descendants()  # what was forked in the meantime

    def stop(self, grace: float = 8.0) -> None:
        """Ask it to end, wait up to `grace` seconds, then kill what is left of it and its descendants."""
        self.terminate()
        self.finish(grace)

    def finish(self, grace: float) -> None:
        """Wait up to `grace` seconds for the leader to end by itself, then kill what is left."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(grace)
        self.kill()

    def restart(self, grace: float = 8.0) -> None:
        """Stop it if it runs, and start the same command again; the log goes on."""
        self.stop(grace)
        self.stopped = False
        self._process = self._spawn()

    def descendants(self) -> list[psutil.Process]:
        """Return the living processes that came from this one, orphans included, the leader not."""
        below_us = psutil.Process().children(recursive=True)
        return [process for process in below_us if process.pid != self.pid and self._is_ours(process)]

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            return os.getsid(process.pid) == self.pid or self._mark in process.environ().get(_MARK, "").split()
        except (OSError, psutil.Error):
            return False

    def _signal_group(self, number: signal.Signals) -> None:
        if self.running:  # else the id may already be another group's
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    def _spawn(self) -> subprocess.Popen[bytes]:
        program = self._argv[0]
        found = self._cwd / program if os.sep in program else program
        if shutil.which(found, path=self._env.get("PATH", os.defpath)) is None:
            raise Misconfigured(f"{self.name}: there is no program {program}; check the path, or run ./dev setup")
        with open_log(self.log_path) as log:
            return spawn(self._argv, env=self._env, cwd=self._cwd, output=log)


class Supervisor:
    """The processes of one command, ended together; use it as a context manager."""

    def __init__(self, log_directory: Path) -> None:
        """Take the directory for the logs, made when missing. Makes this program a child subreaper for good."""
        log_directory.mkdir(parents=True, exist_ok=True)
        self._log_directory = log_directory
        self._managed: dict[str, Managed] = {}
        adopt_orphans()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop_all()

    def start(self, name: str, argv: Sequence[str], *, env: Mapping[str, str], cwd: Path) -> Managed:
        """Start `argv` under `name`, which also names its log, with exactly the environment given.

        Raises Misconfigured when the program does not exist or a process of this name still runs.
        """
        before = self._managed.get(name)
        if before is not None and before.running:
            raise Misconfigured(
                f"a process named {name} runs already (pid {before.pid}); stop it or choose another name"
            )
        managed = Managed(name, argv, env=env, cwd=cwd, log_directory=self._log_directory)
        self._managed.pop(name, None)
        self._managed[name] = managed
        return managed

    def revive(self) -> list[str]:
        """Start again what a signal has killed, as any supervisor would; return the names.

        Raises `Unavailable`, with its last words, when a process has ended by itself: it would again.
        """
        dead = [managed for managed in self._managed.values() if not managed.running and not managed.stopped]
        for managed in dead:
            if managed.exit_code is None or managed.exit_code >= 0:
                raise Unavailable(f"{managed.name} ended with status {managed.exit_code}{_last_words(managed)}")
            managed.restart()
        return [managed.name for managed in dead]

    def stop_all(self, grace: float = 8.0) -> None:
        """End everything: SIGTERM in reverse order of start, up to `grace` seconds for all together, then SIGKILL."""
        newest_first = list(reversed(self._managed.values()))
        for managed in newest_first:
            managed.terminate()
        deadline = clock.monotonic() + grace
        for managed in newest_first:
            managed.finish(max(0.0, deadline - clock.monotonic()))
        self._managed.clear()


def adopt_orphans() -> None:
    """Make this program the parent of every descendant that loses its own (Linux; elsewhere nothing happens)."""
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:
        prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _kill_and_reap(processes: Iterable[psutil.Process], seconds: float = 5.0) -> None:
    """Kill the processes and collect those that the kernel has given, or gives on the way, to this program."""
    pending = list(processes)
    for process in pending:
        with contextlib.suppress(psutil.Error):
            process.kill()
    deadline = clock.monotonic() + seconds
    while pending and clock.monotonic() < deadline:
        pending = [process for process in pending if not _gone(process)]
        if pending:
            time.sleep(0.01)
    if pending:
        raise Unavailable(f"processes {[process.pid for process in pending]} do not end by SIGKILL; look at the disk")


def _gone(process: psutil.Process) -> bool:
    """Collect the process when it is a dead child of this program; tell whether nothing is left of it."""
    with contextlib.suppress(ChildProcessError):
        if os.waitpid(process.pid, os.WNOHANG)[0] == process.pid:
            return True
    return not process.is_running()


def open_log(path: Path) -> IO[bytes]:
    """Open a log for appending, emptied first when it has grown beyond LOG_LIMIT_BYTES."""
    if path.exists() and path.stat().st_size > LOG_LIMIT_BYTES:
        os.truncate(path, 0)
    return path.open("ab", buffering=0)


def tail_of(path: Path, lines: int) -> str:
    """Return the last `lines` lines of a file, read from its last 64 KiB; empty when there is no such file."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 65_536))
            text = file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nobody listens on, below the range of outgoing connections.

    From inside that range, a client that retries while its server restarts may be given the very port as its own and
    then keeps the server from coming back, or talks to itself. Raises Unavailable when none is found.
    """
    for port in random.SystemRandom().sample(range(_FIRST_PORT, _first_ephemeral_port()), 100):
        if port_is_free(port):
            return port
    raise Unavailable("no free TCP port was found on 127.0.0.1; end some of the programs that listen there")


def port_is_free(port: int) -> bool:
    """Tell whether this port of 127.0.0.1 can be listened on now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
        except OSError:
            return False
        return True


def _first_ephemeral_port() -> int:
    try:
        first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()[0])
    except OSError:
        return _FIRST_EPHEMERAL_PORT
    return first if first > _FIRST_PORT + 1_000 else _FIRST_EPHEMERAL_PORT


def wait_for_http(url: str, seconds: float, managed: Managed | None = None) -> None:
    """Wait until a GET of `url` is answered with a status below 400, proxies of the environment left aside.

    Raises Unavailable after `seconds`, or as soon as `managed` has died, with the tail of its log.
    """
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def answers() -> bool:
        try:
            with opener.open(url, timeout=max(_POLL_SECONDS, min(5.0, seconds))):
                return True
        except (OSError, http.client.HTTPException):  # HTTPError, for 4xx and 5xx, is an OSError
            return False

    _wait(answers, url, seconds, managed)


def wait_for_port(port: int, seconds: float, managed: Managed | None = None, host: str = "127.0.0.1") -> None:
    """Wait until a TCP connection to `host` and `port` is accepted; raises as `wait_for_http` does."""

    def accepts() -> bool:
        try:
            with socket.create_connection((host, port), timeout=max(_POLL_SECONDS, min(5.0, seconds))):
                return True
        except OSError:
            return False

    _wait(accepts, f"{host}:{port}", seconds, managed)


def _wait(ready: Callable[[], bool], place: str, seconds: float, managed: Managed | None) -> None:
    deadline = clock.monotonic() + seconds
    while managed is None or managed.running:
        if ready():
            return
        if clock.monotonic() > deadline:
            who = managed.name if managed else "the other side"
            raise Unavailable(f"{place} did not answer within {seconds:g} s; {who} may hang{_last_words(managed)}")
        time.sleep(_POLL_SECONDS)
    raise Unavailable(
        f"{managed.name} ended with status {managed.exit_code} before {place} answered{_last_words(managed)}"
    )


def _last_words(managed: Managed | None) -> str:
    return f". Last lines of {managed.log_path.name}:\n{managed.tail(20)}" if managed else ""
