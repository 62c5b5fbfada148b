"""The embedded PostgreSQL: what it promises over stops, crashes, kills and leftovers."""

import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from devtools import postgres, postgres_host
from devtools.postgres import EmbeddedPostgres
from devtools.processes import port_is_free
from pao.core.errors import Misconfigured

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """Yield a running server on an empty directory."""
    with EmbeddedPostgres(tmp_path / "postgres", durable=False) as running:
        yield running


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """Yield a running server for the tests that only ask."""
    with EmbeddedPostgres(tmp_path_factory.mktemp("shared") / "postgres", durable=False) as running:
        yield running


def ask(url: str, question: str) -> str:
    """Return the first value that the database answers."""
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(question.encode()).fetchone()
    assert row is not None
    return str(row[0])


def tell(url: str, *statements: str) -> None:
    """Run statements that answer nothing."""
    with psycopg.connect(url) as connection:
        for statement in statements:
            connection.execute(statement.encode())


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("SELECT current_user || ' ' || current_database()", "pao pao"),
        ("SHOW listen_addresses", "127.0.0.1"),
        ("SHOW max_connections", "400"),
        ("SHOW server_encoding", "UTF8"),
        ("SHOW timezone", "UTC"),
        ("SHOW synchronous_commit", "on"),  # a crash must not lose commits, in tests neither
        ("SHOW fsync", "off"),  # as asked for by durable=False
        ("SELECT rolsuper FROM pg_roles WHERE rolname = 'pao'", "False"),
        ("SELECT rolcreatedb FROM pg_roles WHERE rolname = 'pao'", "True"),  # Django makes its test database
        ("SELECT lower('ÉÄ')", "éä"),  # search without case works beyond ASCII
    ],
)
def test_the_server_is_set_up_as_the_design_says(shared: EmbeddedPostgres, question: str, answer: str) -> None:
    assert ask(shared.url, question) == answer


def test_no_unix_socket_is_made(shared: EmbeddedPostgres) -> None:
    assert ask(shared.superuser_url, "SHOW unix_socket_directories") == ""


def test_the_owner_may_install_trigrams(shared: EmbeddedPostgres) -> None:
    tell(shared.url, "CREATE EXTENSION pg_trgm")
    assert ask(shared.url, "SELECT similarity('word', 'word')") == "1.0"


@pytest.mark.parametrize("role", ["pao", "postgres"])
def test_a_wrong_password_is_refused(shared: EmbeddedPostgres, role: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(shared.url.replace("pao:", f"{role}:x"))


def test_secrets_are_readable_by_their_owner_only(shared: EmbeddedPostgres) -> None:
    modes = {name: stat.S_IMODE((shared.directory / name).stat().st_mode) for name in ("password", "port")}
    assert modes == {"password": 0o600, "port": 0o600}
    assert (shared.directory / "password").read_text() not in shared.log_path.read_text()


def test_data_password_and_port_stay_over_a_stop(server: EmbeddedPostgres) -> None:
    tell(server.url, "CREATE TABLE kept (word text)", "INSERT INTO kept VALUES ('here')")
    before = server.url
    server.stop()
    assert not server.running
    assert server.start() == before
    assert ask(server.url, "SELECT word FROM kept") == "here"


def test_another_port_is_taken_when_the_old_one_is_in_use(server: EmbeddedPostgres, shared: EmbeddedPostgres) -> None:
    server.stop()
    (server.directory / "port").write_text(str(shared.port))
    server.start()
    assert server.port != shared.port
    assert ask(server.url, "SHOW port") == str(server.port)


def test_a_crash_loses_no_commit_and_keeps_the_address(server: EmbeddedPostgres) -> None:
    tell(server.url, "CREATE TABLE kept (word text)", "INSERT INTO kept VALUES ('here')")
    before, pid = server.url, server.pid
    server.crash_restart()
    assert (server.url, server.pid != pid) == (before, True)
    assert ask(server.url, "SELECT word FROM kept") == "here"
    assert "automatic recovery in progress" in server.log_path.read_text()


def test_a_killed_server_starts_again(server: EmbeddedPostgres) -> None:
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    server.crash_restart()
    assert ask(server.url, "SELECT 1") == "1"


def test_a_stale_pid_file_whose_number_is_another_program_is_no_obstacle(server: EmbeddedPostgres) -> None:
    server.stop()
    (server._data / "postmaster.pid").write_text(f"{os.getpid()}\n{server._data}\n0\n{server.port}\n\n127.0.0.1\n")
    server.start()
    assert ask(server.url, "SELECT 1") == "1"


def test_a_half_made_cluster_is_started_over(tmp_path: Path) -> None:
    half = tmp_path / "postgres" / "data.half"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18")
    with EmbeddedPostgres(tmp_path / "postgres", durable=False) as server:
        assert ask(server.url, "SELECT 1") == "1"
    assert not half.exists()


def test_two_launchers_do_not_share_a_directory(shared: EmbeddedPostgres) -> None:
    with pytest.raises(Misconfigured, match="another program is using the database"):
        EmbeddedPostgres(shared.directory).start()
    assert ask(shared.url, "SELECT 1") == "1"


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Misconfigured, match=r"file/postgres cannot be written \(Not a directory\)"):
        EmbeddedPostgres(tmp_path / "file" / "postgres").start()


def test_a_cluster_without_its_password_is_not_thrown_away(server: EmbeddedPostgres) -> None:
    server.stop()
    (server.directory / "password").unlink()
    with pytest.raises(Misconfigured, match="put the file password back"):
        server.start()
    assert (server._data / "PG_VERSION").exists()


def test_a_server_that_cannot_start_says_what_its_log_says(server: EmbeddedPostgres) -> None:
    server.stop()
    (server._data / "PG_VERSION").write_text("9.1\n")
    with pytest.raises(Misconfigured, match="incompatible with server"):
        server.start()
    assert not server.running


START_AND_WAIT = """
import sys, time
from pathlib import Path
from devtools.postgres import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]), durable=False)
server.start()
print(server.pid, flush=True)
time.sleep(60)
"""


def start_elsewhere(directory: Path) -> tuple[subprocess.Popen[str], psutil.Process]:
    """Start a server by another program; return that program and the server."""
    command = [sys.executable, "-c", START_AND_WAIT, str(directory)]
    launcher = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    assert launcher.stdout is not None
    return launcher, psutil.Process(int(launcher.stdout.readline()))


def kill(launcher: subprocess.Popen[str]) -> None:
    """Kill the program and close what is left of it here."""
    with launcher:
        launcher.kill()


def wait_until_gone(process: psutil.Process) -> None:
    """Wait until the process has ended, be it as a zombie of somebody else; fails after 15 seconds."""
    deadline = time.monotonic() + 15
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, f"{process} is still there"
        time.sleep(0.02)


def test_a_killed_launcher_leaves_no_server_behind(tmp_path: Path) -> None:
    launcher, server = start_elsewhere(tmp_path / "postgres")
    kill(launcher)
    wait_until_gone(server)


def test_a_server_left_over_from_a_killed_run_is_stopped_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(postgres, "FAST_STOP_SECONDS", 0.2)
    launcher, left_over = start_elsewhere(tmp_path / "postgres")
    left_over.suspend()  # so that it cannot follow the signal of its launcher's death
    kill(launcher)
    with EmbeddedPostgres(tmp_path / "postgres", durable=False) as server:
        assert ask(server.url, "SELECT 1") == "1"
        wait_until_gone(left_over)


def test_the_port_is_free_after_the_stop(server: EmbeddedPostgres) -> None:
    server.stop()
    assert port_is_free(server.port)


def test_without_any_server_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(postgres_host, "PACKAGES", ())
    monkeypatch.setattr(postgres_host, "SYSTEM_SERVERS", tmp_path)
    with pytest.raises(Misconfigured, match=r"run \./dev setup"):
        EmbeddedPostgres(tmp_path / "postgres").start()


def test_what_an_account_cannot_reach_is_copied_with_its_libraries(tmp_path: Path) -> None:
    hidden, private = tmp_path / "hidden", tmp_path / "private"
    tree, libraries = hidden / "server", hidden / "server.libs"
    (tree / "pginstall/bin").mkdir(parents=True)
    libraries.mkdir()
    private.mkdir()
    (libraries / "libpq.so.5").write_bytes(b"library")
    program = tree / "pginstall/bin/postgres"
    program.write_bytes(b"program")
    program.chmod(0o700)
    hidden.chmod(0o700)
    binaries = postgres_host.Binaries(tree / "pginstall/bin", 18, (tree, libraries))
    stranger = postgres_host.Account("user:1:1", os.geteuid() + 1, os.getegid() + 1)
    assert not postgres_host.reaches(stranger, tree)

    copy = postgres_host.reachable_binaries(binaries, stranger, private)

    assert copy.is_relative_to(private)
    assert stat.S_IMODE((copy / "postgres").stat().st_mode) == 0o755
    assert (copy.parents[2] / "server.libs" / "libpq.so.5").read_bytes() == b"library"
    assert postgres_host.reachable_binaries(binaries, stranger, private) == copy  # made once


def accounts() -> list[postgres_host.Account]:
    """Return what find_account may choose for this user: the best one, and for root the one without namespaces."""
    nobody = pwd.getpwnam("nobody")
    real = postgres_host.Account(f"user:{nobody.pw_uid}:{nobody.pw_gid}", nobody.pw_uid, nobody.pw_gid)
    return [postgres_host.find_account(), *([real] if os.geteuid() == 0 else [])]


@pytest.mark.parametrize("account", accounts(), ids=lambda account: account.identity.partition(":")[0])
def test_a_directory_that_the_account_cannot_reach_still_serves(
    account: postgres_host.Account, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(postgres_host, "find_account", lambda: account)
    tmp_path.chmod(0o700)
    with tempfile.TemporaryDirectory(dir="/var/tmp") as private:
        Path(private).chmod(0o711)
        monkeypatch.setattr(postgres_host, "PRIVATE_PARENT", Path(private))
        with EmbeddedPostgres(tmp_path / "postgres", durable=False) as server:
            tell(server.url, "CREATE TABLE kept (word text)")
            server.crash_restart()
            assert ask(server.url, "SELECT count(*) FROM kept") == "0"
            assert server._data.stat().st_uid == account.uid
            assert server._data.is_relative_to(tmp_path if account.uid == os.geteuid() else private)
            assert server.pid is not None
            assert account.uid in psutil.Process(server.pid).uids()


def test_a_new_directory_does_not_take_over_the_data_of_an_old_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(postgres_host, "PRIVATE_PARENT", tmp_path)
    monkeypatch.setattr(postgres_host, "reaches", lambda _, path: not path.is_relative_to(tmp_path / "postgres"))
    for _ in range(2):
        with EmbeddedPostgres(tmp_path / "postgres", durable=False) as server:
            tell(server.url, "CREATE TABLE kept (word text)")  # would fail on the old data
        shutil.rmtree(tmp_path / "postgres")


def test_a_private_directory_that_others_can_write_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(postgres_host, "PRIVATE_PARENT", tmp_path)
    postgres_host.private_directory(tmp_path / "x").chmod(0o777)
    with pytest.raises(Misconfigured, match="only you can write"):
        postgres_host.private_directory(tmp_path / "x")
