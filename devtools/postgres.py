"""An embedded PostgreSQL server for the demo, the flows and the tests: no engine, no root rights, nothing to install.

In its directory: `data` (the cluster, kept between starts), `password` and `port` (mode 600), `server.log`, and `lock`
(held while a launcher uses the directory). It listens on 127.0.0.1 only, without Unix sockets, whose paths would have
to fit in 107 bytes. The role `pao` owns the database and may create others; `superuser_url` is for chaos and roles.
"""

import contextlib
import fcntl
import os
import secrets
import shutil
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import psutil
import psycopg
from psycopg import sql

from devtools import postgres_host as host
from devtools.processes import free_port, open_log, port_is_free, tail_of
from devtools.spawn import spawn
from pao.core import clock
from pao.core.errors import Misconfigured

START_SECONDS = 60.0
FAST_STOP_SECONDS = 8.0
_READY_LINE = 7
_BUILTIN_LOCALES_SINCE = 17
# synchronous_commit stays on: off would lose commits when chaos crashes the server, and nothing is gained without fsync
_NOT_DURABLE = {"fsync": "off", "full_page_writes": "off"}


class EmbeddedPostgres:
    """One server on one directory; start it yourself or use it as a context manager."""

    def __init__(self, directory: Path, *, durable: bool = True) -> None:
        """Take the directory, made at the start when missing. `durable=False` gives up safety at a power cut for speed;
        commits still survive a crash of the server.
        """
        self.directory = directory.absolute()
        self.log_path = self.directory / "server.log"
        self.port = 0
        self._durable = durable
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: IO[bytes] | None = None
        self._account: host.Account
        self._programs: Path
        self._data: Path
        self._password = ""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        """Whether the server process runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """The process id of the server, None before the first start."""
        return self._process.pid if self._process else None

    @property
    def url(self) -> str:
        """The database URL of the application's role."""
        return f"postgresql://pao:{self._password}@127.0.0.1:{self.port}/pao"

    @property
    def superuser_url(self) -> str:
        """The database URL of the superuser `postgres`, for what an operator of the server would do."""
        return f"postgresql://postgres:{self._password}@127.0.0.1:{self.port}/postgres"

    def start(self) -> str:
        """Start the server, with a new cluster when there is none, and return its database URL.

        A server left over from a killed run is stopped first. Raises Misconfigured, with what to do, when there are no
        programs, no account to run them as, when the directory is in use, or when the server does not come up.
        """
        if self.running:
            return self.url
        self._take_lock()
        try:
            self._settle()
            self._stop_left_over()
            self._make_cluster()
            self._choose_port()
            self._run()
            self._make_database()
        except BaseException:
            self.stop()
            raise
        return self.url

    def stop(self) -> None:
        """Stop the server: SIGINT (ends transactions, writes a checkpoint), after 8 seconds SIGQUIT, then SIGKILL."""
        for number, seconds in ((signal.SIGINT, FAST_STOP_SECONDS), (signal.SIGQUIT, 6.0), (signal.SIGKILL, None)):
            self._end_by(number, seconds)
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def crash_restart(self) -> None:
        """Stop the server at once (SIGQUIT, no checkpoint, as a crash) and start it again on the same port."""
        self._end_by(signal.SIGQUIT, 10.0)
        self._end_by(signal.SIGKILL, None)
        self._stop_left_over()
        self._run()

    def _take_lock(self) -> None:
        if self._lock is not None:
            return
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            lock = (self.directory / "lock").open("ab")
        except OSError as error:
            raise Misconfigured(
                f"{self.directory} cannot be written ({error.strerror}): make it yours, or choose another directory"
            ) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise Misconfigured(
                f"another program is using the database in {self.directory}: end it, or choose another directory"
            ) from None
        self._lock = lock

    def _settle(self) -> None:
        """Find programs, account, password and the place of the cluster."""
        binaries = host.find_binaries()
        self._account = account = host.find_account()
        fresh = not (self.directory / "password").exists()
        if fresh and (self.directory / "data").exists():
            raise Misconfigured(
                f"{self.directory} holds a database without its password: put the file password back, or remove the "
                "directory to start over"
            )
        at_home = host.reaches(account, self.directory)
        needs_private = not (at_home and host.reaches(account, binaries.directory))
        private = host.private_directory(self.directory) if needs_private else self.directory
        self._data = (self.directory if at_home else private) / "data"
        if fresh and not at_home:
            shutil.rmtree(self._data, ignore_errors=True)  # of an earlier directory of the same name
        self._programs = host.reachable_binaries(binaries, account, private)
        self._version = binaries.version
        self._password = self._kept("password", secrets.token_urlsafe(24))

    def _kept(self, name: str, value: str, *, anew: bool = False) -> str:
        """Return the content of a file of mode 600 in the directory, written when missing or wanted anew."""
        path = self.directory / name
        if anew or not path.exists():
            half = path.with_suffix(".half")
            half.unlink(missing_ok=True)
            half.touch(mode=0o600)
            half.write_text(value, encoding="ascii")
            half.rename(path)
        return path.read_text(encoding="ascii").strip()

    def _stop_left_over(self) -> None:
        """End the processes that a killed run has left on this cluster, and clear away what would stop the next."""
        pid_file = self._data / "postmaster.pid"
        deadline = clock.monotonic() + FAST_STOP_SECONDS
        while left := _servers_in(self._data):
            late = clock.monotonic() > deadline
            for process in left:
                with contextlib.suppress(psutil.Error):
                    process.send_signal(signal.SIGKILL if late else signal.SIGINT)
            psutil.wait_procs(left, timeout=0.5)
        pid_file.unlink(missing_ok=True)  # its process is gone; another program may have the number now

    def _make_cluster(self) -> None:
        """Run initdb when there is no cluster. It works beside and is renamed, so a half-made one never counts."""
        if self._data.exists():
            return
        half, password_file = self._data.with_name("data.half"), self._data.with_name("password.initdb")
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir(mode=0o700)
        password_file.unlink(missing_ok=True)
        password_file.touch(mode=0o600)
        password_file.write_text(self._password, encoding="ascii")
        for path in (half, password_file):
            os.chown(path, self._account.uid, self._account.gid)
        try:
            done = host.run_to_end(self._account, self._initdb(half, password_file), cwd=half)
        finally:
            password_file.unlink()
        if done.returncode != 0:
            raise Misconfigured(f"initdb could not make a database in {half}; correct what it says:\n{done.stdout}")
        half.rename(self._data)

    def _initdb(self, data: Path, password_file: Path) -> list[str]:
        builtin = self._version >= _BUILTIN_LOCALES_SINCE
        locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        return [
            str(self._programs / "initdb"),
            f"--pgdata={data}",
            "--username=postgres",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            *(locale if builtin else ["--locale=C.UTF-8"]),
            *([] if self._durable else ["--no-sync"]),
        ]

    def _choose_port(self) -> None:
        """Take the port of the last start when it is still free, so that addresses stay the same."""
        kept = self._kept("port", str(free_port()))
        if not (kept.isdigit() and port_is_free(int(kept))):
            kept = self._kept("port", str(free_port()), anew=True)
        self.port = int(kept)

    def _run(self) -> None:
        """Start the server process and wait until it accepts connections; raises Misconfigured when it does not."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            # Each test worker has threads that all write at once: fifty of two workers meet what others have open.
            "max_connections": "400",
            "password_encryption": "scram-sha-256",
            "timezone": "UTC",
            "log_timezone": "UTC",
            **({} if self._durable else _NOT_DURABLE),
        }
        argv = [str(self._programs / "postgres"), "-D", str(self._data)]
        argv += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with open_log(self.log_path) as log:
            self._process = spawn(
                argv,
                env=host.ENVIRONMENT,
                cwd=Path("/"),
                output=log,
                death_signal=signal.SIGINT,
                identity=self._account.identity,
            )
        deadline = clock.monotonic() + START_SECONDS
        while not self._ready():
            if not self.running or clock.monotonic() > deadline:
                raise Misconfigured(
                    f"PostgreSQL did not start in {self._data}; correct what its log says, {self.log_path}:\n"
                    f"{tail_of(self.log_path, 15)}"
                )
            time.sleep(0.01)

    def _ready(self) -> bool:
        """Read the server's own word for it, postmaster.pid: line 1 is its process id, line 8 its state."""
        try:
            lines = (self._data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return False
        return len(lines) > _READY_LINE and lines[0] == str(self.pid) and lines[_READY_LINE].strip() == "ready"

    def _make_database(self) -> None:
        """Create the role and the database when missing; a start that was killed in between goes on here."""
        with psycopg.connect(self.superuser_url, autocommit=True, sslmode="disable", connect_timeout=10) as connection:
            if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = 'pao'").fetchone() is None:
                role = sql.SQL("CREATE ROLE pao LOGIN CREATEDB PASSWORD {}")
                connection.execute(role.format(sql.Literal(self._password)))
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = 'pao'").fetchone() is None:
                connection.execute("CREATE DATABASE pao OWNER pao")

    def _end_by(self, number: signal.Signals, seconds: float | None) -> None:
        """Send the signal, unless the server has ended, and wait so long (None: until it has)."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)


def _servers_in(data: Path) -> list[psutil.Process]:
    """Return the PostgreSQL processes that work on this cluster: they all have it as working directory."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.name().startswith("postgres") and Path(process.cwd()) == data.resolve():
                found.append(process)
    return found
