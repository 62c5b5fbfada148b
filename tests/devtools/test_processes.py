"""Processes under supervision: nothing survives its supervisor, and what dies says why."""

import http.server
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from devtools import processes
from devtools.processes import Managed, Supervisor, free_port, port_is_free, wait_for_http, wait_for_port
from pao.core.errors import Misconfigured, Unavailable

REPOSITORY = Path(__file__).parents[2]

SLEEP = "import time; print('up', flush=True); time.sleep(60)"
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
POLITE = """
import signal, sys, time
def end(number, frame):
    print('bye', flush=True)
    sys.exit(7)
signal.signal(signal.SIGTERM, end)
print('up', flush=True)
time.sleep(60)
"""
# a child in the same group, and one that has left group and session and lost its parent, as daemons do
FAMILY = """
import subprocess, sys, time
sleep = [sys.executable, '-c', 'import time; time.sleep(60)']
near = subprocess.Popen(sleep)
away = subprocess.run([sys.executable, '-c', '''
import subprocess, sys
print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], start_new_session=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).pid)
'''], capture_output=True, text=True).stdout
print('family', near.pid, away, flush=True)
time.sleep(60)
"""


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    """Yield a supervisor with its logs in a new directory."""
    with Supervisor(tmp_path / "logs") as running:
        yield running


def start(supervisor: Supervisor, code: str, name: str = "one", *, until: str = "up") -> Managed:
    """Start a Python program and wait until its log says a word."""
    managed = supervisor.start(name, [sys.executable, "-c", code], env=dict(os.environ), cwd=REPOSITORY)
    wait_until(lambda: until in managed.tail())
    return managed


def wait_until(true: Callable[[], bool]) -> None:
    """Wait up to 15 seconds until something is true."""
    deadline = time.monotonic() + 15
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def family_of(managed: Managed) -> list[int]:
    """Return the process ids that the program FAMILY has printed."""
    wait_until(lambda: "family" in managed.tail())
    return [int(word) for word in managed.tail().split()[1:]]


def test_a_process_leads_its_own_session_and_writes_its_log(supervisor: Supervisor) -> None:
    managed = start(supervisor, SLEEP)
    assert os.getsid(managed.pid) == managed.pid
    assert (managed.running, managed.exit_code, managed.tail()) == (True, None, "up")


def test_the_environment_is_the_one_given(supervisor: Supervisor) -> None:
    code = "import os; print('up', sorted(name for name in os.environ if name not in {'LC_CTYPE'}))"
    managed = supervisor.start("one", [sys.executable, "-c", code], env={"WORD": "x"}, cwd=REPOSITORY)
    wait_until(lambda: not managed.running)
    assert managed.tail() == "up ['PAO_SUPERVISED_BY', 'WORD']"


def test_the_signals_of_the_interpreter_are_not_passed_on(supervisor: Supervisor) -> None:
    managed = supervisor.start("one", ["/bin/sh", "-c", "kill -PIPE $$"], env=dict(os.environ), cwd=REPOSITORY)
    wait_until(lambda: not managed.running)
    assert managed.exit_code == -signal.SIGPIPE


def test_a_polite_process_ends_by_itself(supervisor: Supervisor) -> None:
    managed = start(supervisor, POLITE)
    supervisor.stop_all()
    assert (managed.exit_code, managed.tail()) == (7, "up\nbye")


def test_the_newest_is_asked_first(supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    ask = Managed.terminate

    def terminate(managed: Managed) -> None:
        asked.append(managed.name)
        ask(managed)

    for name in ("database", "relay", "worker"):
        start(supervisor, SLEEP, name)
    monkeypatch.setattr(Managed, "terminate", terminate)
    supervisor.stop_all()
    assert asked == ["worker", "relay", "database"]


def test_a_deaf_process_is_killed_after_the_grace(supervisor: Supervisor) -> None:
    managed = start(supervisor, DEAF)
    supervisor.stop_all(grace=0.1)
    assert managed.exit_code == -signal.SIGKILL


def test_a_frozen_process_is_killed_after_the_grace(supervisor: Supervisor) -> None:
    managed = start(supervisor, POLITE)
    managed.freeze()
    wait_until(lambda: psutil.Process(managed.pid).status() == psutil.STATUS_STOPPED)
    supervisor.stop_all(grace=0.1)
    assert managed.exit_code == -signal.SIGKILL


def test_a_thawed_process_goes_on(supervisor: Supervisor) -> None:
    managed = start(supervisor, POLITE)
    managed.freeze()
    managed.thaw()
    managed.stop()
    assert managed.exit_code == 7


@pytest.mark.parametrize("end", [Managed.kill, Managed.stop], ids=["kill", "stop"])
def test_descendants_go_too_even_those_that_left_the_group(
    supervisor: Supervisor, end: Callable[[Managed], None]
) -> None:
    managed = start(supervisor, FAMILY, until="family")
    family = family_of(managed)
    assert len(family) == 2
    end(managed)
    assert [pid for pid in family if psutil.pid_exists(pid)] == []  # not even as zombies
    assert not managed.running


def test_orphans_of_a_process_that_ended_by_itself_are_collected(supervisor: Supervisor) -> None:
    managed = start(supervisor, FAMILY, until="family")
    family = family_of(managed)
    os.kill(managed.pid, signal.SIGKILL)
    wait_until(lambda: not managed.running)
    supervisor.stop_all()
    assert [pid for pid in family if psutil.pid_exists(pid)] == []


def test_the_processes_of_another_supervisor_are_left_alone(supervisor: Supervisor, tmp_path: Path) -> None:
    mine = start(supervisor, SLEEP)
    with Supervisor(tmp_path / "other") as other:
        start(other, FAMILY, until="family")
    assert mine.running


def test_restart_gives_a_new_process_of_the_same_command(supervisor: Supervisor) -> None:
    managed = start(supervisor, POLITE)
    first = managed.pid
    managed.restart()
    wait_until(lambda: managed.tail() == "up\nbye\nup")
    assert managed.running
    assert managed.pid != first


def test_a_process_outlives_the_thread_that_started_it(supervisor: Supervisor) -> None:
    started: list[Managed] = []
    thread = threading.Thread(target=lambda: started.append(start(supervisor, POLITE)))
    thread.start()
    thread.join()
    started[0].freeze()  # a pending signal would show after the thaw
    started[0].thaw()
    assert started[0].running
    assert started[0].tail() == "up"


SUPERVISE_AND_WAIT = """
import os, sys, time
from pathlib import Path
from devtools.processes import Supervisor
supervisor = Supervisor(Path(sys.argv[1]))
managed = supervisor.start("one", [sys.executable, "-c", sys.argv[2]], env=dict(os.environ), cwd=Path.cwd())
while "up" not in managed.tail():
    time.sleep(0.02)
print(managed.pid, flush=True)
time.sleep(60)
"""


def test_a_killed_supervisor_leaves_nothing_behind(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SUPERVISE_AND_WAIT, str(tmp_path), POLITE]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as outer:
        assert outer.stdout is not None
        managed = psutil.Process(int(outer.stdout.readline()))
        outer.kill()
    wait_until(lambda: not managed.is_running() or managed.status() == psutil.STATUS_ZOMBIE)
    assert (tmp_path / "one.log").read_text() == "up\nbye\n"  # it was asked, not killed


@pytest.mark.parametrize("program", ["no-such-program", "./no/such/program"])
def test_a_missing_program_is_named(supervisor: Supervisor, program: str) -> None:
    with pytest.raises(Misconfigured, match=f"one: there is no program {program}"):
        supervisor.start("one", [program], env=dict(os.environ), cwd=REPOSITORY)


def test_a_name_is_used_once_at_a_time(supervisor: Supervisor) -> None:
    first = start(supervisor, SLEEP)
    with pytest.raises(Misconfigured, match="a process named one runs already"):
        start(supervisor, SLEEP)
    first.kill()
    assert start(supervisor, SLEEP).running


@pytest.mark.parametrize(("limit", "log"), [(100, "old\nup"), (3, "up")], ids=["kept", "emptied"])
def test_a_log_is_emptied_when_it_is_too_long(
    supervisor: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int, log: str
) -> None:
    monkeypatch.setattr(processes, "LOG_LIMIT_BYTES", limit)
    (tmp_path / "logs" / "one.log").write_text("old\n")
    assert start(supervisor, SLEEP).tail() == log


def test_tail_gives_the_last_lines(supervisor: Supervisor) -> None:
    managed = start(supervisor, "print('a\\nb\\nc up', flush=True)")
    assert managed.tail(2) == "b\nc up"


def test_a_free_port_is_free_and_outside_the_range_of_outgoing_connections() -> None:
    port = free_port()
    assert port_is_free(port)
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert port < first


def test_a_port_in_use_is_not_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert not port_is_free(listener.getsockname()[1])


class Answer(http.server.BaseHTTPRequestHandler):
    """Answer every GET with the status in its path."""

    def do_GET(self) -> None:
        self.send_response(int(self.path[1:]))
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def web() -> Iterator[int]:
    """Yield the port of a small web server."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        yield server.server_address[1]
        server.shutdown()


def test_waiting_ends_with_a_good_answer(web: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # a proxy of the environment is not asked
    wait_for_http(f"http://127.0.0.1:{web}/204", 10)
    wait_for_port(web, 10)


@pytest.mark.parametrize("status", [404, 503])
def test_a_bad_answer_is_waited_out(web: int, status: int) -> None:
    with pytest.raises(Unavailable, match=r"did not answer within 0\.1 s"):
        wait_for_http(f"http://127.0.0.1:{web}/{status}", 0.1)


def test_waiting_for_a_process_that_died_shows_its_last_words(supervisor: Supervisor) -> None:
    managed = start(supervisor, "import sys; print('up', flush=True); sys.exit('no database')")
    wait_until(lambda: not managed.running)
    with pytest.raises(Unavailable, match=r"(?s)one ended with status 1 before 127.*one\.log:\nup\nno database"):
        wait_for_port(free_port(), 10, managed)


def test_waiting_for_a_process_that_hangs_shows_its_last_words(supervisor: Supervisor) -> None:
    managed = start(supervisor, SLEEP)
    with pytest.raises(Unavailable, match=r"(?s)within 0\.1 s; one may hang.*one\.log:\nup"):
        wait_for_http(f"http://127.0.0.1:{free_port()}/", 0.1, managed)


def test_what_a_signal_has_killed_is_started_again(supervisor: Supervisor) -> None:
    managed = start(supervisor, SLEEP)
    assert supervisor.revive() == []
    killed = managed.pid
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: not managed.running)

    assert supervisor.revive() == ["one"]
    assert managed.running
    assert managed.pid != killed


def test_what_ended_by_itself_is_told_with_its_last_words(supervisor: Supervisor) -> None:
    managed = start(supervisor, "import sys; print('up', flush=True); sys.exit('no way')")
    wait_until(lambda: not managed.running)

    with pytest.raises(Unavailable, match=r"(?s)one ended with status 1.*no way"):
        supervisor.revive()


def test_what_was_stopped_stays_stopped(supervisor: Supervisor) -> None:
    managed = start(supervisor, SLEEP)
    managed.stop()
    assert supervisor.revive() == []
    assert not managed.running
