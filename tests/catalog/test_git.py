"""Running git: bounded in time, in what it prints and in what it writes; nothing left running, nothing repeated."""

import os
import stat
from collections.abc import Callable
from pathlib import Path
from time import sleep

import psutil
import pytest

from catalog import git
from pao.core.errors import CatalogInvalid, CatalogUnavailable, Misconfigured

Script = Callable[[str], None]


@pytest.fixture
def pretend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Script:
    """Return what puts a shell script in git's place."""

    def put(script: str) -> None:
        (tmp_path / "git").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "git").chmod(stat.S_IRWXU)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    return put


def test_it_gets_its_arguments_as_they_are_and_its_input(pretend: Script, tmp_path: Path) -> None:
    pretend('printf "<%s>" "$@"; cat')
    assert git.run(tmp_path, ["a b", "$HOME", "; ls", "*"], seconds=20, given=b"in") == b"<a b><$HOME><; ls><*>in"


def test_a_hung_remote_is_ended_with_everything_that_it_started(pretend: Script, tmp_path: Path) -> None:
    pretend(f"sleep 100 & echo $! > {tmp_path}/child; cat; wait")
    with pytest.raises(CatalogUnavailable, match=r"git fetch did not end within 0\.5 seconds"):
        git.run(tmp_path, ["fetch"], seconds=0.5)
    child = int((tmp_path / "child").read_text())
    # It was told to end before; whether it had a turn to do so yet is the machine's business.
    for _ in range(500):
        if not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE:
            return
        sleep(0.01)
    pytest.fail("the child goes on")


def test_an_answer_without_end_is_refused(pretend: Script, tmp_path: Path) -> None:
    pretend("yes")
    with pytest.raises(CatalogInvalid, match="The repository is too large: git ls-tree tells of more"):
        git.run(tmp_path, ["ls-tree"], seconds=20, most_bytes=10_000_000)


def test_a_file_without_end_is_refused(pretend: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git, "MOST_WRITTEN_BYTES", 1024**2)
    pretend(f"exec cat /dev/zero > {tmp_path}/pack")
    with pytest.raises(CatalogInvalid, match="comes with more than 1 MiB"):
        git.run(tmp_path, ["fetch"], seconds=20)
    assert (tmp_path / "pack").stat().st_size == 1024**2


def test_input_that_nobody_reads_is_no_trouble(pretend: Script, tmp_path: Path) -> None:
    pretend("echo done")
    assert git.run(tmp_path, ["cat-file"], seconds=20, given=b"x" * 10_000_000) == b"done\n"


def test_many_words_are_shortened(pretend: Script, tmp_path: Path) -> None:
    pretend("yes words | head -c 1000000 >&2; exit 3")
    with pytest.raises(CatalogUnavailable) as raised:
        git.run(tmp_path, ["fetch"], seconds=20)
    assert len(raised.value.message) < 600


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("fatal: unable to access 'https://pao:s3cret@example.com/x.git/'", "'https://***@example.com/x.git/'"),
        ("fatal: could not read Password for 'https://token@example.com'", "'https://***@example.com'"),
        ("ssh://pao:p@s3cret@example.com/x", "ssh://***@example.com/x"),
        ("fatal: no credentials in https://example.com/a@b", "https://example.com/a@b"),
    ],
)
def test_credentials_are_never_repeated(pretend: Script, tmp_path: Path, said: str, told: str) -> None:
    pretend(f'echo "{said}" >&2; exit 128')
    with pytest.raises(CatalogUnavailable) as raised:
        git.run(tmp_path, ["fetch"], seconds=20)
    assert told in raised.value.message
    assert "s3cret" not in raised.value.message


HOST = "host.example.com/x.git"
# The address that git is given, what it says of it, and what is told.
SAID = {
    "as it is": (
        "https://pao:s3cret@{}",
        "unable to access 'https://pao:s3cret@{}'",
        "unable to access 'https://***@{}'",
    ),
    "a slash": ("https://pao:s3/cret@{}", "access 'https://pao:s3/cret@{}/': bad", "access 'https://***@{}/': bad"),
    "a part": ("https://pao:pass/s3cret@{}", "Port number was 'pass'", "Port number was '***'"),
    "blanks": ("https://us er:a  s3cret@{}", "access 'https://us er:a  s3cret@{}'", "access 'https://***@{}'"),
    "an at": ("https://pao:p@s3cret@{}", "access 'https://pao:p@s3cret@{}'", "access 'https://***@{}'"),
    "a token": ("https://ghp_s3cret@{}", "no Password for ghp_s3cret", "no Password for ***"),
    "encoded": ("https://pao:a%2Fs3cret@{}", "Password a/s3cret is wrong", "Password *** is wrong"),
    "a query": ("https://{}?token=s3cret", "access 'https://{}?token=s3cret'", "access 'https://{}?***'"),
    "a query elsewhere": ("https://{}?token=s3cret", "token s3cret has ended", "*** *** has ended"),
    "a query of another": ("https://{}", "moved to https://{}?token=s3cret now", "moved to https://{}?*** now"),
    "ssh": ("git@{}", "git@{}: Permission denied", "git@{}: Permission denied"),
}


@pytest.mark.parametrize(("address", "said", "told"), SAID.values(), ids=SAID)
def test_credentials_of_the_address_are_never_repeated_however_they_are_written(
    pretend: Script, tmp_path: Path, address: str, said: str, told: str
) -> None:
    pretend(f'echo "{said.format(HOST)}" >&2; exit 128')
    with pytest.raises(CatalogUnavailable) as raised:
        git.run(tmp_path, ["fetch", "--", address.format(HOST), "main"], seconds=20)
    assert raised.value.message == f"git fetch failed: {told.format(HOST)}"


def test_without_a_shell_and_git_the_message_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Misconfigured, match="git is not installed"):
        git.run(tmp_path, ["fetch"], seconds=20)


def test_what_the_environment_says_of_other_repositories_does_not_count(
    pretend: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_CONFIG_PARAMETERS", "GIT_EXTERNAL_DIFF", "LD_PRELOAD"):
        monkeypatch.setenv(name, "elsewhere")
    monkeypatch.setenv("GIT_SSH_COMMAND", "ssh -i key")
    pretend("env")
    environment = dict(line.split("=", 1) for line in git.run(tmp_path, [], seconds=20).decode().splitlines())
    assert (
        not {"GIT_DIR", "GIT_WORK_TREE", "GIT_CONFIG_PARAMETERS", "GIT_EXTERNAL_DIFF", "LD_PRELOAD"}
        & environment.keys()
    )
    assert (environment["GIT_SSH_COMMAND"], environment["GIT_TERMINAL_PROMPT"]) == ("ssh -i key", "0")
