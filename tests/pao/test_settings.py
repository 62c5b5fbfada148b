"""The start of the product: unsafe and contradictory settings stop it, and say which."""

import json
import os
import subprocess
import sys

import pytest

from devtools.parts import ROOT

SAFE = {
    "DJANGO_SETTINGS_MODULE": "pao.settings",
    "SECRET_KEY": "0123456789abcdefghijklmnopqrstuvwxyz-_0123456789abcdefghijklmnopqrstuvwxyz",
    "DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none",
}

# One process reads the settings once per row, for a start costs most of a second.
SCRIPT = """
import importlib, json, os, sys
import pao.settings
for row in json.loads(sys.stdin.read()):
    before = dict(os.environ)
    os.environ.update({name: value for name, value in row.items() if value is not None})
    for name in [name for name, value in row.items() if value is None]:
        os.environ.pop(name, None)
    try:
        importlib.reload(pao.settings)
        print(json.dumps("started"))
    except Exception as error:
        print(json.dumps(str(error)))
    os.environ.clear()
    os.environ.update(before)
"""

# what differs from a safe production start → what the start says
STARTS: list[tuple[dict[str, str | None], str]] = [
    ({}, "started"),
    ({"DEBUG": "true", "PAO_AUTH": "dev", "SECRET_KEY": None}, "started"),
    ({"SECRET_KEY": None}, "SECRET_KEY is not set."),
    ({"DATABASE_URL": None}, "DATABASE_URL is not set."),
    ({"DATABASE_URL": "sqlite:///pao.sqlite"}, "DATABASE_URL must be a URL that begins with"),
    ({"DEBUG": "perhaps"}, "DEBUG is not a switch."),
    ({"PAO_AUTH": "none"}, "PAO_AUTH is 'none'; it must be one of: session, dev."),
    ({"PAO_AUTH": "dev"}, "PAO_AUTH=dev needs DEBUG"),
    ({"PAO_FAILPOINTS": "submit.before_commit=kill"}, "PAO_FAILPOINTS is set without DEBUG"),
    ({"PAO_UPLOADS_DIR": "static/uploads"}, "PAO_UPLOADS_DIR lies in a folder that is served"),
    ({"PAO_UPLOADS_DIR": "media/../staticfiles"}, "PAO_UPLOADS_DIR lies in a folder that is served"),
    ({"PAO_UPLOADS_DIR": "uploads"}, "started"),
    ({"PAO_UPLOAD_MAX_WAITING_BYTES": "10485759"}, "PAO_UPLOAD_MAX_WAITING_BYTES must not be less"),
    ({"DEBUG": "true", "PAO_FAILPOINTS": "submit.before_commit=kill"}, "started"),
    (
        {"DEBUG": "true", "PAO_FAILPOINTS": "nowhere=kill"},
        "PAO_FAILPOINTS: there is no failpoint",
    ),
    (
        {"PAO_LEASE_SECONDS": "45", "PAO_TASK_SECONDS": "45"},
        "PAO_TASK_SECONDS must be less than PAO_LEASE_SECONDS",
    ),
    ({"PAO_LEASE_SECONDS": "60 s"}, "PAO_LEASE_SECONDS is not a whole number"),
    (
        {"PAO_QUEUE_NAME": "pao-requests"},
        "PAO_QUEUE_NAME and PAO_DEAD_LETTER_QUEUE_NAME must end",
    ),
    (
        {"PAO_DEAD_LETTER_QUEUE_NAME": "dead"},
        "PAO_QUEUE_NAME and PAO_DEAD_LETTER_QUEUE_NAME must",
    ),
    (
        {"PAO_QUEUE_WAIT_SECONDS": "21"},
        "PAO_QUEUE_WAIT_SECONDS is 21; it must be between 0 and 20",
    ),
    ({"PAO_HTTP_READ_SECONDS": "30s"}, "PAO_HTTP_READ_SECONDS is not a number"),
    ({"PAO_JIRA_URL": "jira.example.com"}, "PAO_JIRA_URL must be an address"),
    ({"PAO_JIRA_API_VERSION": "4"}, "PAO_JIRA_API_VERSION is '4'"),
    ({"PAO_JIRA_INSTANCES": "Cloud"}, "PAO_JIRA_INSTANCES names 'Cloud'"),
    ({"PAO_JIRA_INSTANCES": "default"}, "PAO_JIRA_INSTANCES names 'default'"),
    ({"PAO_JIRA_INSTANCES": "dc,dc"}, "PAO_JIRA_INSTANCES names an instance twice"),
    ({"PAO_JIRA_INSTANCES": "ops-dc"}, "PAO_JIRA_OPS_DC_URL is not set"),
    ({"PAO_JIRA_INSTANCES": "dc", "PAO_JIRA_DC_URL": "https://j.example"}, "dc needs either PAO_JIRA_DC_TOKEN or"),
    (
        {"PAO_JIRA_INSTANCES": "dc", "PAO_JIRA_DC_URL": "https://j.example", "PAO_JIRA_DC_CLIENT_ID": "pao"},
        "PAO_JIRA_DC_CLIENT_ID, _CLIENT_SECRET and _TOKEN_URL are needed together",
    ),
    (
        {
            "PAO_JIRA_INSTANCES": "dc",
            "PAO_JIRA_DC_URL": "https://j.example",
            "PAO_JIRA_DC_TOKEN": "t",
            "PAO_JIRA_DC_PROJECTS": "ops",
        },
        "PAO_JIRA_DC_PROJECTS names 'ops'",
    ),
    ({"PAO_JIRA_INSTANCES": "dc", "PAO_JIRA_DC_URL": "https://j.example", "PAO_JIRA_DC_TOKEN": "t"}, "started"),
    ({"PAO_JIRA_DELIVERY_WORDS": "On Hold"}, "PAO_JIRA_DELIVERY_WORDS: 'On Hold' must read"),
    ({"PAO_JIRA_DELIVERY_WORDS": "On Hold=later"}, "PAO_JIRA_DELIVERY_WORDS: 'On Hold=later' must read"),
    ({"PAO_JIRA_DELIVERY_WORDS": "On Hold=open,Shipped=done"}, "started"),
    ({"PAO_PUBLIC_URL": ""}, "PAO_PUBLIC_URL must be an address"),
    ({"PAO_REST_ALLOWED_TARGETS": "*"}, "PAO_REST_ALLOWED_TARGETS must list addresses"),
    ({"PAO_SEALING_KEYS": "too-short"}, "PAO_SEALING_KEYS holds what is no Fernet key"),
    ({"PAO_LOG_FORMAT": "xml"}, "PAO_LOG_FORMAT is 'xml'"),
    ({"PAO_CATALOG_POLL_SECONDS": "-1"}, "PAO_CATALOG_POLL_SECONDS is -1; it must be between 0 and 86400"),
    ({"PAO_CATALOG_POLL_SECONDS": "0", "PAO_GITHUB_WEBHOOK_SECRETS": "one,two"}, "started"),
]


@pytest.fixture(scope="module")
def answers() -> list[str]:
    """Return what each start of the table says."""
    given = json.dumps([row for row, _ in STARTS])
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **SAFE}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        input=given,
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("row", range(len(STARTS)), ids=[str(given) for given, _ in STARTS])
def test_a_start_says_what_is_wrong_and_where(answers: list[str], row: int) -> None:
    assert len(answers) == len(STARTS)
    assert answers[row].startswith(STARTS[row][1])


def test_a_wrong_setting_stops_the_process() -> None:
    environment = {"PATH": os.environ["PATH"], **SAFE, "PAO_AUTH": "dev"}
    done = subprocess.run(
        [sys.executable, "-c", "import django; django.setup()"],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "PAO_AUTH=dev needs DEBUG" in done.stderr
