"""`./dev bench catalog`: what the catalog costs, beside a floor that reads the same documents without any safety.

The floor parses the same YAML with the C loader and inserts one row for each document. Absolute figures drift with the
machine; the ratios of one run count. It runs in one process against an embedded PostgreSQL of its own.
"""

import argparse
import json
import logging
import os
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import django
import psycopg
import yaml

from devtools import bench_forms, bench_templates
from devtools.parts import ROOT, STATE
from devtools.postgres import EmbeddedPostgres

DIRECTORY = STATE / "bench-catalog"
STARTER = ROOT / "examples" / "starter"
ITEMS = {
    "database-aurora-postgresql": "catalog/databases",
    "security-parameterstore-secrets": "catalog/security",
    "compute-eks-service": "catalog/compute",
}
BUNDLE = "bundle-webapp-standard"
FAMILIES_TO_A_BUNDLE = 5
PUSHES = 5


def documents(count: int) -> dict[str, str]:
    """Return about `count` documents by path: families of three items, and a bundle of the items of every fifth."""
    texts = {name: (STARTER / folder / f"{name}.yaml").read_text(encoding="utf-8") for name, folder in ITEMS.items()}
    texts[BUNDLE] = (STARTER / "bundles" / f"{BUNDLE}.yaml").read_text(encoding="utf-8")
    made: dict[str, str] = {}
    family = 0
    while len(made) < count:
        with_bundle = family % FAMILIES_TO_A_BUNDLE == 0
        for name, folder in [*ITEMS.items(), *([(BUNDLE, "bundles")] if with_bundle else [])]:
            text = texts[name]
            for known in texts:
                text = text.replace(known, f"{known}-n{family}")
            made[f"{folder}/{name}-n{family}.yaml"] = text
        family += 1
    return made


class Repository:
    """A git repository of documents."""

    def __init__(self, folder: Path) -> None:
        """Make an empty one."""
        self.folder = folder
        folder.mkdir(parents=True)
        self._git("init", "--quiet", "--initial-branch=main")

    def commit(self, files: Mapping[str, str]) -> None:
        """Write the files and commit them."""
        for path, text in files.items():
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / path).write_text(text, encoding="utf-8")
        self._git("add", "--all")
        self._git("commit", "--quiet", "--message", "change")

    def _git(self, *arguments: str) -> None:
        person = {"NAME": "Bench", "EMAIL": "bench@example.com"}
        names = {f"GIT_{role}_{name}": value for role in ("AUTHOR", "COMMITTER") for name, value in person.items()}
        environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(self.folder), **names}
        subprocess.run(["git", *arguments], cwd=self.folder, env=environment, check=True)


def main(arguments: list[str]) -> int:
    """Measure and print; return 0, for speed is no test here."""
    parser = argparse.ArgumentParser(prog="./dev bench catalog", description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, nargs="+", default=[1_000, 10_000])
    options = parser.parse_args(arguments)
    shutil.rmtree(DIRECTORY, ignore_errors=True)
    with EmbeddedPostgres(DIRECTORY / "postgres") as postgres:
        for count in options.documents:
            _prepare(postgres.url, DIRECTORY / f"repository-{count}")
            _measure(postgres.url, count)
    print()
    bench_templates.main()
    bench_forms.main()
    return 0


def _prepare(database: str, repository: Path) -> None:
    """Set Django up at the first call; empty the tables and name the repository at each."""
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "pao.settings",
        "DATABASE_URL": database,
        "DEBUG": "true",
        "PAO_AUTH": "dev",
        "PAO_LOG_FORMAT": "json",
        "PAO_FORCE_MANUAL": "true",
    }
    django.setup()
    logging.disable(logging.INFO)  # a line for each sync would hide the figures
    from django.conf import settings
    from django.core.management import call_command

    settings.PAO_CATALOG_REPOSITORY = str(repository)
    settings.PAO_DATA_DIR = repository.with_name(f"{repository.name}-data")
    settings.ALLOWED_HOSTS = ["testserver"]
    call_command("migrate", verbosity=0, interactive=False)
    call_command("flush", verbosity=0, interactive=False)


def _measure(database: str, count: int) -> None:
    """Print what a catalog of so many documents costs."""
    from django.conf import settings

    files = documents(count)
    repository = Repository(Path(settings.PAO_CATALOG_REPOSITORY))
    repository.commit(files)
    floor = _seconds(lambda: _floor(database, files))
    full, report = _synced()
    print(f"\n{len(files)} documents")
    _line("full sync", full, floor)
    print(f"  {report}")
    unchanged, _ = _synced()
    _line("sync of the same commit", unchanged, floor)
    for what, folder in (
        ("an item in no bundle", "catalog/databases/database-aurora-postgresql-n1"),
        ("an item in a bundle", "catalog/databases/database-aurora-postgresql-n0"),
        ("a bundle", "bundles/bundle-webapp-standard-n0"),
    ):
        path = f"{folder}.yaml"
        taken = []
        for number in range(PUSHES):
            repository.commit({path: files[path].replace("version: 1.0.0", f"version: 1.{number + 1}.0")})
            seconds, report = _synced()
            taken.append(seconds)
        _line(f"a push of {what}", statistics.median(taken), floor)
        print(f"  {report}")
    for what, lines in (
        ("owners for all", "* @acme/platform"),
        ("owners for some", "* @acme/platform\n*-n1.yaml @acme/one"),
    ):
        repository.commit({"CODEOWNERS": lines})
        seconds, report = _synced()
        _line(f"a push of {what}", seconds, floor)
    _read()


def _synced() -> tuple[float, str]:
    from catalog.sync import sync
    from pao.core.context import SYSTEM

    began = time.perf_counter()
    report = sync(by=SYSTEM, trigger="bench")
    seconds = time.perf_counter() - began
    return seconds, ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in report.counts.items() if number)


def _floor(database: str, files: Mapping[str, str]) -> None:
    loader = yaml.CSafeLoader
    with psycopg.connect(database) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE floor (path text PRIMARY KEY, definition jsonb)")
        rows = [(path, json.dumps(yaml.load(text, loader))) for path, text in files.items()]  # noqa: S506 - the safe one
        cursor.executemany("INSERT INTO floor VALUES (%s, %s)", rows)


def _read() -> None:
    """Print what readers pay: a page of the list, and one entry that no process has in its memory."""
    from django.test import Client

    from catalog import cache
    from devtools.people import seed

    seed()
    client = Client(headers={"X-Dev-User": "dana"})
    for what, address in (
        ("list, 50 entries", "/api/v1/catalog"),
        ("detail", "/api/v1/catalog/database-aurora-postgresql-n1"),
    ):
        taken = []
        for _ in range(30):
            cache.clear()
            taken.append(_seconds(lambda: _got(client, address)))  # noqa: B023 - called at once
        with _counted() as statements:
            cache.clear()
            _got(client, address)
        print(f"  {what:<28}{statistics.median(taken) * 1000:>9.2f} ms {len(statements):>4} statements")


def _got(client: Any, address: str) -> None:
    answer = client.get(address)
    assert answer.status_code == HTTPStatus.OK, answer.content


@contextmanager
def _counted() -> Iterator[list[str]]:
    from django.db import connection

    statements: list[str] = []

    def note(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        statements.append(sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(note):
        yield statements


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _line(what: str, seconds: float, floor: float) -> None:
    print(f"{what:<30}{seconds:>9.3f} s {seconds / floor:>8.2f} times the floor of {floor:.2f} s")
