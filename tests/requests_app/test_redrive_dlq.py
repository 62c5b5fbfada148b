"""Dead letters from a shell: looked at, sent again, laid aside; who decides and why is audited."""

import os

import pytest
from django.core.management import CommandError, call_command

from pao.audit.models import AuditEvent
from queueops.models import DeadLetter, OutboxMessage
from requests_app.abort import abort
from requests_app.management.commands import redrive_dlq
from requests_app.models import FulfillmentTask
from tests.factories import principal, serve_stack, submitted, tasks_by_component
from tests.requests_app.test_redrive import dead

pytestmark = pytest.mark.django_db

WHO = ("--by", "olga", "--reason", "the database is back")


@pytest.fixture
def letters() -> list[DeadLetter]:
    """Two dead letters: one that may be redriven, one whose request was aborted meanwhile."""
    entry = serve_stack()
    alive, gone = (tasks_by_component(submitted(entry))["database"] for _ in range(2))
    made = [dead(alive), dead(gone)]
    abort(
        resource_request_id=gone.resource_request_id, by=principal("olga", roles=frozenset({"operator"})), reason="no"
    )
    return made


def _state(letter: DeadLetter) -> tuple[str, str]:
    letter.refresh_from_db()
    return letter.status, FulfillmentTask.objects.get(pk=letter.args[0]).state


def test_one_is_sent_again(letters: list[DeadLetter], capsys: pytest.CaptureFixture[str]) -> None:
    before = OutboxMessage.objects.count()
    call_command("redrive_dlq", "--message", letters[0].message_id, *WHO)
    assert "1 of 1 letters; 1 are open." in capsys.readouterr().out
    assert _state(letters[0]) == ("redriven", "queued")
    assert OutboxMessage.objects.count() == before + 1
    event = AuditEvent.objects.get(event="queue.dead_letter_redriven")
    assert (event.actor, event.actor_method) == ("olga", "command")


@pytest.mark.parametrize(
    ("account", "actor"), [("olaf", "olaf"), (None, f"uid {os.getuid()}")], ids=["named", "nameless"]
)
def test_the_account_decides_when_nobody_is_named(
    letters: list[DeadLetter], monkeypatch: pytest.MonkeyPatch, account: str | None, actor: str
) -> None:
    def getuser() -> str:
        if account is None:
            raise KeyError("no such account")
        return account

    monkeypatch.setattr(redrive_dlq, "getuser", getuser)
    call_command("redrive_dlq", "--message", letters[0].message_id)
    assert AuditEvent.objects.get(event="queue.dead_letter_redriven").actor == actor


@pytest.mark.parametrize(
    "choice",
    [pytest.param(("--all",), id="all"), pytest.param(("--cause", "NOT_TAKEN"), id="by cause")],
)
def test_what_is_refused_keeps_no_other_back(
    letters: list[DeadLetter], choice: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(CommandError, match="1 of 2 letters were refused"):
        call_command("redrive_dlq", *choice, *WHO)
    assert [_state(letter) for letter in letters] == [("redriven", "queued"), ("open", "skipped")]
    assert "refused: Its request is aborted" in capsys.readouterr().out


@pytest.mark.parametrize("verb", [("--dry-run",), ("--discard",), ()], ids=["looked at", "discarded", "redriven"])
def test_letters_that_are_refused_keep_none_behind_them_back(
    letters: list[DeadLetter],
    verb: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Refused letters stay open and are the oldest: a command that took the first ones only never came past them."""
    monkeypatch.setattr("requests_app.redrive.MOST_AT_ONCE", 1)
    behind = dead(tasks_by_component(submitted("bundle-stack-test"))["database"])
    if verb == ("--discard",):
        call_command("redrive_dlq", "--all", *verb, *WHO)
    else:
        with pytest.raises(CommandError, match="1 of 3"):
            call_command("redrive_dlq", "--all", *verb, *WHO)
    assert behind.message_id in capsys.readouterr().out
    assert _state(behind)[0] == {"--dry-run": "open", "--discard": "discarded"}.get("".join(verb), "redriven")


def test_a_request_means_all_its_letters(letters: list[DeadLetter]) -> None:
    call_command("redrive_dlq", "--group", letters[0].group_id, *WHO)
    assert [_state(letter)[0] for letter in letters] == ["redriven", "open"]


def test_a_dry_run_only_tells(letters: list[DeadLetter], capsys: pytest.CaptureFixture[str]) -> None:
    before = OutboxMessage.objects.count()
    with pytest.raises(CommandError, match="1 of 2"):
        call_command("redrive_dlq", "--all", "--dry-run")
    told = capsys.readouterr().out
    assert "would be redriven" in told
    assert "refused: Its request is aborted" in told
    assert [_state(letter)[0] for letter in letters] == ["open", "open"]
    assert OutboxMessage.objects.count() == before


def test_discarding_closes_the_letter_and_nothing_else(letters: list[DeadLetter]) -> None:
    call_command("redrive_dlq", "--all", "--discard", *WHO)
    assert [_state(letter) for letter in letters] == [("discarded", "stuck"), ("discarded", "skipped")]


def test_a_schedule_that_finds_nothing_has_done_its_work(
    letters: list[DeadLetter], capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("redrive_dlq", "--cause", "FOREIGN", *WHO)
    assert "0 of 0 letters; 2 are open." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(("--all", "--discard", "--by", "olga"), "Say with --reason", id="discarded for no reason"),
        pytest.param(("--message", "m-none", *WHO), "There is no such dead letter", id="no such letter"),
        pytest.param(WHO, "is required", id="no choice"),
        pytest.param(("--all", "--group", "x", *WHO), "not allowed with", id="two choices"),
    ],
)
def test_what_cannot_be_done_changes_nothing(letters: list[DeadLetter], arguments: tuple[str, ...], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        call_command("redrive_dlq", *arguments)
    assert [_state(letter)[0] for letter in letters] == ["open", "open"]
