"""The parts of a PAO deployment on one machine: what stands in for the outside, and PAO's own processes.

A part whose setting is given in the environment is not started: then the real one is used (`DATABASE_URL`;
`SQS_ENDPOINT_URL` or `PAO_QUEUE_NAME`; `PAO_JIRA_URL`).
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from devtools.postgres import EmbeddedPostgres
from devtools.processes import Managed, Supervisor, free_port, port_is_free, wait_for_http, wait_for_port
from pao.core.errors import Misconfigured

ROOT = Path(__file__).resolve().parent.parent
STATE = Path(os.environ.get("PAO_STATE", ROOT / ".pao"))
REMEMBERED = STATE / "deployment.json"
SANDBOX_PORT = 8093
REPOSITORY = "example/applications"
SQS_PORT = 9324
WEB_PORT = 8000
READY_SECONDS = 30.0
SERVING = ("--config", "python:pao.serving", "pao.wsgi")  # as the image has it

# Short times: a demo and a chaos run want to see recovery, not to wait for it.
QUICK: Mapping[str, str] = {
    "PAO_QUEUE_VISIBILITY_SECONDS": "6",
    "PAO_QUEUE_WAIT_SECONDS": "5",
    "PAO_LEASE_SECONDS": "10",
    "PAO_TASK_SECONDS": "8",
    "PAO_REAP_SECONDS": "1",
    "PAO_REPUBLISH_SECONDS": "8",
    "PAO_HTTP_CONNECT_SECONDS": "2",
    "PAO_HTTP_READ_SECONDS": "4",
}


class Deployment:
    """Everything of one deployment, started in order; the supervisor ends it."""

    def __init__(self, directory: Path, supervisor: Supervisor, settings: Mapping[str, str]) -> None:
        """Keep data under `directory`; `settings` are given to every process of PAO."""
        self.directory = directory
        self.directory.mkdir(parents=True, exist_ok=True)
        self.supervisor = supervisor
        self.postgres: EmbeddedPostgres | None = None
        self.sandbox = ""
        self.address = ""
        self.through: tuple[str, ...] = ()  # modules that run PAO's, and what they are told, as devtools.skew
        self.environment = _inherited() | {
            "DEBUG": "true",
            "PAO_AUTH": "dev",
            "PAO_DATA_DIR": str(directory),
            "PAO_LOG_FORMAT": "console",
            "PYTHONUNBUFFERED": "1",
            "DJANGO_SETTINGS_MODULE": "pao.settings",
            **QUICK,
            **settings,
        }

    def start_database(self, *, durable: bool = True) -> None:
        """Start the embedded PostgreSQL, unless DATABASE_URL names a real one."""
        if "DATABASE_URL" in os.environ:
            return
        self.postgres = EmbeddedPostgres(self.directory / "postgres", durable=durable)
        self.environment["DATABASE_URL"] = self.postgres.start()

    def start_queue(self, port: int = SQS_PORT) -> Managed | None:
        """Start the SQS stand-in, unless the environment names real queues."""
        if "SQS_ENDPOINT_URL" in os.environ or "PAO_QUEUE_NAME" in os.environ:
            return None
        port = _port(port)
        managed = self.start("sqs", [sys.executable, "-m", "devtools.sqs", "--port", str(port)])
        wait_for_port(port, READY_SECONDS, managed)
        self.environment["SQS_ENDPOINT_URL"] = f"http://127.0.0.1:{port}"
        return managed

    def start_sandbox(self, port: int = SANDBOX_PORT) -> Managed:
        """Start the sandbox: two JIRAs (one is the instance `dc`), GitHub with the starter's repository, a platform.

        With PAO_JIRA_URL given, tickets go there; with PAO_GITHUB_TOKEN given, commits go where PAO_GITHUB_URL says.
        """
        port = _port(port)
        argv = [sys.executable, "-m", "devtools.sandbox", "--port", str(port), "--repository", REPOSITORY]
        managed = self.start("sandbox", [*argv, "--data", str(self.directory / "sandbox.sqlite3")])
        address = self.sandbox = f"http://127.0.0.1:{port}"
        wait_for_http(f"{address}/_sandbox/health", READY_SECONDS, managed)
        self.environment["PAO_REST_ALLOWED_TARGETS"] = f"{address}/platform/"
        if "PAO_JIRA_URL" not in os.environ:
            self.environment |= {"PAO_JIRA_URL": address, "PAO_JIRA_USER": "pao", "PAO_JIRA_TOKEN": "sandbox"}
            data_center = {"URL": f"{address}/dc", "API_VERSION": "2", "TOKEN": "sandbox"}
            self.environment |= {f"PAO_JIRA_DC_{name}": value for name, value in data_center.items()}
            self.environment.setdefault("PAO_JIRA_INSTANCES", "dc")
        if "PAO_GITHUB_TOKEN" not in os.environ:
            allowed = f"{REPOSITORY.partition('/')[0]}/*"
            self.environment |= {"PAO_GITHUB_URL": address, "PAO_GITHUB_TOKEN": "sandbox"}
            self.environment |= {"PAO_GIT_REPOSITORIES": allowed}
        return managed

    def start_web(self, name: str = "web", port: int = WEB_PORT, **settings: str) -> Managed:
        """Start a web process and wait until it answers; the first one's address is the deployment's."""
        port = _port(port)
        address = f"http://127.0.0.1:{port}"
        self.address = self.address or address
        self.environment.setdefault("PAO_PUBLIC_URL", address)
        argv = self._module("gunicorn", *SERVING, "--bind", f"127.0.0.1:{port}", "--threads", "8")
        managed = self.start(name, [*argv, "--graceful-timeout", "5"], PAO_BIND=f"127.0.0.1:{port}", **settings)
        wait_for_http(f"{address}/health", READY_SECONDS, managed)
        return managed

    def start_relay(self, name: str = "relay", **settings: str) -> Managed:
        """Start a relay."""
        return self.start(name, self._module("django", "relay"), **settings)

    def start_worker(
        self, name: str = "worker", *, concurrency: int = 2, skew_seconds: int = 0, **settings: str
    ) -> Managed:
        """Start a worker, its clock that many seconds ahead of ours."""
        argv = self._module("celery", "-A", "pao", "worker", "--concurrency", str(concurrency), skew=skew_seconds)
        return self.start(name, [*argv, "--hostname", f"{name}@%h", "--loglevel", "INFO"], **settings)

    def _module(self, *words: str, skew: int = 0) -> list[str]:
        skewed = ("devtools.skew", str(skew)) if skew else ()
        return [sys.executable, "-m", *skewed, *self.through, *words]

    def start(self, name: str, argv: list[str], **settings: str) -> Managed:
        """Start a process with the deployment's environment and `settings` over it."""
        return self.supervisor.start(name, argv, env=self.environment | settings, cwd=ROOT)

    def prepare(self, *, catalog: bool) -> None:
        """Migrate, make the queues, seed the people and, when asked, sync the catalog.

        Raises `Misconfigured` with the words of what failed.
        """
        argv = [sys.executable, "-m", "devtools.prepare", *(["--catalog"] if catalog else [])]
        done = subprocess.run(argv, env=self.environment, cwd=ROOT, capture_output=True, text=True, check=False)
        (self.directory / "logs").mkdir(exist_ok=True)
        (self.directory / "logs" / "prepare.log").write_text(done.stdout + done.stderr, encoding="utf-8")
        if done.returncode != 0:
            raise Misconfigured(f"preparing failed: {(done.stderr or done.stdout).strip().splitlines()[-1]}")

    def remember(self) -> None:
        """Note this deployment's settings for `./dev manage`, readable by its owner only."""
        REMEMBERED.touch(mode=0o600)
        own = {name: value for name, value in self.environment.items() if os.environ.get(name) != value}
        REMEMBERED.write_text(json.dumps(own), encoding="utf-8")

    def stop(self) -> None:
        """Stop every process, then the database."""
        self.supervisor.stop_all()
        if self.postgres is not None:
            self.postgres.stop()


def _inherited() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONHOME"}}


def _port(wanted: int) -> int:
    return wanted if port_is_free(wanted) else free_port()
