"""Start a child process that cannot outlive this program.

The kernel ties a parent-death signal to the *thread* that started the child, and chaos restarts processes from
short-lived threads. So one thread that lives as long as the program starts them all.
"""

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import IO

_LAUNCHER = Path(__file__).with_name("launch.py")

_Order = tuple[Future[subprocess.Popen[bytes]], Callable[[], subprocess.Popen[bytes]]]


class _Spawner:
    """The thread, and the queue of orders to it."""

    def __init__(self) -> None:
        self.process_id = os.getpid()
        self._orders: queue.SimpleQueue[_Order] = queue.SimpleQueue()
        threading.Thread(target=self._serve, name="spawner", daemon=True).start()

    def run(self, order: Callable[[], subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
        """Run the order in the thread; what it returns or raises comes back to the caller."""
        answer: Future[subprocess.Popen[bytes]] = Future()
        self._orders.put((answer, order))
        return answer.result()

    def _serve(self) -> None:
        while True:
            answer, order = self._orders.get()
            try:
                answer.set_result(order())
            except BaseException as error:  # noqa: BLE001 (it is raised again, in the thread that asked)
                answer.set_exception(error)


_lock = threading.Lock()
_spawner: list[_Spawner] = []


def _spawner_of_this_process() -> _Spawner:
    """Return the spawner; a forked child makes its own, since a fork does not take threads along."""
    with _lock:
        if not _spawner or _spawner[0].process_id != os.getpid():
            _spawner[:] = [_Spawner()]
        return _spawner[0]


def command_for(argv: Sequence[str], *, death_signal: int = signal.SIGTERM, identity: str = "same") -> list[str]:
    """Return the command that becomes `argv` through `launch.py`, whose identities these are."""
    return [sys.executable, "-I", "-S", str(_LAUNCHER), str(os.getpid()), str(int(death_signal)), identity, *argv]


def spawn(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path,
    output: IO[bytes],
    death_signal: signal.Signals = signal.SIGTERM,
    identity: str = "same",
) -> subprocess.Popen[bytes]:
    """Start `argv` as leader of a session of its own, with stdout and stderr in `output` and nothing on stdin.

    `death_signal` is sent to it when this program dies, however it dies. `identity` is one of those of `launch.py`.
    A program that cannot be executed ends with status 125 and says why in `output`. Raises OSError when there is no
    such working directory or no memory for another process.
    """
    command = command_for(argv, death_signal=death_signal, identity=identity)
    environment = dict(env)  # as it is now: the thread must not see a later change
    return _spawner_of_this_process().run(
        lambda: subprocess.Popen(
            command,
            env=environment,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    )
