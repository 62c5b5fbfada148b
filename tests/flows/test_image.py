"""The image without an engine: what the Dockerfile copies exists, and the entry point's words start what they say."""

import json
import os
import re
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from devtools.parts import ROOT
from devtools.processes import Supervisor, free_port
from devtools.sqs import SqsStandIn
from pao.core import clock

pytestmark = pytest.mark.xdist_group("commands")
ENTRY = "./docker-entrypoint.sh"
PATIENCE_SECONDS = 40.0


@pytest.fixture
def production(tmp_path: Path, transactional_db: None) -> Iterator[dict[str, str]]:
    """Production's environment, pointed at a real database and at the stand-in's queues."""
    from django.db import connection

    stand_in = SqsStandIn()
    database = connection.settings_dict
    yield {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "pao.settings",
        "SECRET_KEY": "image-test-" + "0123456789abcdefghijklmnopqrstuvwxyz-_" * 2,
        "DATABASE_URL": (
            f"postgresql://{database['USER']}:{database['PASSWORD']}"
            f"@{database['HOST']}:{database['PORT']}/{database['NAME']}"
        ),
        "ALLOWED_HOSTS": "pao.example.com",
        "PAO_PUBLIC_URL": "https://pao.example.com",
        "PAO_BIND": f"127.0.0.1:{free_port()}",
        "PAO_DATA_DIR": str(tmp_path),
        "PAO_WORKER_LIVENESS_FILE": str(tmp_path / "alive"),
        "PAO_QUEUE_WAIT_SECONDS": "1",
        "SQS_ENDPOINT_URL": stand_in.start(),
    }
    stand_in.stop()


def test_everything_the_image_copies_is_there() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    names = [name for line in copied for name in line.split()]
    assert {"manage.py", "pao", "fulfillment", "docker-entrypoint.sh"} <= set(names)
    assert [name for name in names if not (ROOT / name).exists()] == []


def test_the_image_runs_as_nobody_in_particular_and_has_a_health_check() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    assert [line for line in lines if line.startswith("USER ")] == ["USER 10001"]
    assert any(line.startswith("HEALTHCHECK ") for line in lines)


def test_web_answers_and_is_healthy(production: dict[str, str], tmp_path: Path) -> None:
    with Supervisor(tmp_path / "logs") as supervisor:
        web = supervisor.start("web", [ENTRY, "web"], env=production, cwd=ROOT)
        _until(lambda: _run("healthy", production) == 0, web.tail)
        assert _get(production, "/health") == {"status": "ok"}
    assert _run("healthy", production) == 1


@pytest.mark.parametrize("word", ["worker", "relay"])
def test_worker_and_relay_give_signs_of_life(word: str, production: dict[str, str], tmp_path: Path) -> None:
    assert _run("manage ensure_queues", production) == 0
    with Supervisor(tmp_path / "logs") as supervisor:
        process = supervisor.start(word, [ENTRY, word], env=production, cwd=ROOT)
        _until(lambda: _run("healthy", production) == 0, process.tail)


def test_an_unsafe_setting_keeps_every_word_from_starting(production: dict[str, str]) -> None:
    for word in ("web", "worker", "relay"):
        assert _run(word, production | {"ALLOWED_HOSTS": "*"}) != 0


def test_an_unknown_word_is_refused() -> None:
    assert subprocess.run([ENTRY, "dance"], cwd=ROOT, check=False, capture_output=True).returncode == 2


def _run(words: str, environment: dict[str, str]) -> int:
    command = [ENTRY, *words.split()]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False, capture_output=True, timeout=60).returncode


def _get(environment: dict[str, str], path: str) -> object:
    request = urllib.request.Request(f"http://{environment['PAO_BIND']}{path}", headers={"Host": "pao.example.com"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def _until(true: Callable[[], bool], tell: Callable[[], str]) -> None:
    deadline = clock.monotonic() + PATIENCE_SECONDS
    while not true():
        assert clock.monotonic() < deadline, tell()
        time.sleep(0.1)
