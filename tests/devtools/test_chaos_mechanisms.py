"""The mechanisms that chaos takes out: each is still where the table says, and only the running copy is changed."""

import subprocess
import sys
from pathlib import Path

import pytest

from devtools.chaos.experiments import EXPERIMENTS
from devtools.chaos.mechanisms import MECHANISMS, Change
from devtools.chaos.mutate import changed
from devtools.parts import ROOT


@pytest.mark.parametrize("name", MECHANISMS)
def test_every_mechanism_can_be_taken_out_and_the_rest_still_compiles(name: str) -> None:
    texts: dict[Path, str] = {}
    for change in MECHANISMS[name].changes:
        path = ROOT / f"{change.module.replace('.', '/')}.py"
        texts[path] = changed(texts.get(path) or path.read_text(encoding="utf-8"), change)
    for path, text in texts.items():
        compile(text, str(path), "exec")


def test_every_mechanism_has_an_experiment() -> None:
    assert set(EXPERIMENTS) == set(MECHANISMS)


@pytest.mark.parametrize(("text", "times"), [("", 0), ("x = 1\nx = 1\n", 2)])
def test_a_place_that_is_gone_or_not_alone_is_refused(text: str, times: int) -> None:
    with pytest.raises(ValueError, match=f"has {times} times, not once"):
        changed(text, Change("pao.core.ids", "x = 1", "x = 2"))


def test_the_process_runs_the_changed_code_and_the_file_stays() -> None:
    """A real process imports the module without the mechanism; ours, and the file, have it."""
    source = ROOT / "requests_app" / "dispatch.py"
    before = source.read_bytes()
    script = (
        "from devtools.chaos.mutate import take_out; take_out('send-number')\n"
        "import django; django.setup()\n"
        "from requests_app import dispatch\n"
        "print(dispatch.deduplication_id.__code__.co_names, dispatch.__file__)"
    )
    environment = {
        "DJANGO_SETTINGS_MODULE": "pao.settings",
        "DEBUG": "true",
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none",
    }
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert str(source) in done.stdout
    assert "('pk',)" in done.stdout  # neither the attempt nor the number of sends
    assert source.read_bytes() == before


def test_what_is_imported_already_cannot_be_taken_out() -> None:
    script = "import queueops, sys; sys.modules['queueops.relay'] = queueops\n"
    script += "from devtools.chaos.mutate import take_out; take_out('relay')"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "imported already, so it cannot be changed: queueops.relay" in done.stderr


def test_a_death_at_a_failpoint_leaves_its_name(tmp_path: Path) -> None:
    """The counter stands in place of the product's own end, and the process ends all the same."""
    script = tmp_path / "dies.py"
    script.write_text("from pao.failpoints import failpoint\nfailpoint('relay.after_send')\nprint('alive')\n")
    environment = {
        "DJANGO_SETTINGS_MODULE": "pao.settings",
        "DEBUG": "true",
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none",
        "PAO_FAILPOINTS": "relay.after_send=kill",
        "PAO_CHAOS_DEATHS": str(tmp_path / "deaths"),
        "PYTHONPATH": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, "-m", "devtools.chaos.inside", "dies"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (-9, ""), done.stderr
    assert (tmp_path / "deaths").read_text() == "relay.after_send\n"
