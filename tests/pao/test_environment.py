"""Settings are typed, and a wrong value is refused by name, without its value where it is a secret."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from pao.environment import Environment, Setting

KEY = "cGFvLWRldmVsb3BtZW50LW9ubHktc2VhbGluZy1rZXk="
CANARY = "canary-7f3a"

Read = Callable[[Environment], Any]


def boolean(env: Environment) -> bool:
    return env.boolean("NAME", False, "What it means.")


def text(env: Environment) -> str:
    return env.text("NAME", "default", "What it means.")


def required(env: Environment) -> str:
    return env.text("NAME", None, "What it means.")


def choice(env: Environment) -> str:
    return env.text("NAME", "3", "What it means.", choices=("3", "2"))


def secret(env: Environment) -> str:
    return env.secret("NAME", None, "What it means.")


def secrets(env: Environment) -> list[str]:
    return env.secrets("NAME", "What it means.")


def number(env: Environment) -> float:
    return env.number("NAME", 5, "What it means.", least=0.1, most=60)


def integer(env: Environment) -> int:
    return env.integer("NAME", 5, "What it means.", least=1, most=60)


def words(env: Environment) -> list[str]:
    return env.words("NAME", ["default"], "What it means.")


def address(env: Environment) -> str:
    return env.address("NAME", "", "What it means.")


def needed_address(env: Environment) -> str:
    return env.address("NAME", "http://127.0.0.1:8000", "What it means.")


def addresses(env: Environment) -> list[str]:
    return env.addresses("NAME", [], "What it means.")


def keys(env: Environment) -> list[str]:
    return env.keys("NAME", [], "What it means.")


def database(env: Environment) -> Any:
    return env.database("NAME", None, "What it means.")["HOST"]


@pytest.mark.parametrize(
    ("read", "given", "expected"),
    [
        (boolean, None, False),
        (boolean, "", False),  # as a compose file passes what is not set
        (boolean, "true", True),
        (boolean, "YES", True),
        (boolean, "1", True),
        (boolean, "off", False),
        (boolean, "0", False),
        (text, None, "default"),
        (text, "", ""),
        (text, "given", "given"),
        (text, "$HOME", "$HOME"),  # no reference
        (text, " spaces ", " spaces "),
        (choice, "2", "2"),
        (secret, "$2b$12$abc", "$2b$12$abc"),
        (secret, "a,b;c=d", "a,b;c=d"),
        (secrets, None, []),
        (secrets, "", [""]),  # set to nothing is not the same as not set: pao/checks.py tells
        (secrets, "new, old", ["new", "old"]),
        (secrets, "new,", ["new", ""]),
        (number, None, 5),
        (number, "", 5),
        (number, "0.1", 0.1),
        (number, "60", 60),
        (number, "1e1", 10),
        (integer, None, 5),
        (integer, "60", 60),
        (words, None, ["default"]),
        (words, "", []),
        (words, "a, b ,,c", ["a", "b", "c"]),
        (words, "$a", ["$a"]),
        (address, None, ""),
        (address, "", ""),
        (address, "https://jira.example.com/jira", "https://jira.example.com/jira"),
        (address, "http://[::1]:8080", "http://[::1]:8080"),
        (
            addresses,
            "http://a.example/,https://b.example:8443/api/",
            ["http://a.example/", "https://b.example:8443/api/"],
        ),
        (keys, None, []),
        (keys, f"{KEY},{KEY}", [KEY, KEY]),
        (database, "postgresql://pao:p%40ss@db.example.com:5432/pao", "db.example.com"),
        (database, "postgres://pao@db.example.com/pao", "db.example.com"),
    ],
)
def test_what_is_given_is_read(monkeypatch: pytest.MonkeyPatch, read: Read, given: str | None, expected: Any) -> None:
    monkeypatch.delenv("NAME", raising=False)
    if given is not None:
        monkeypatch.setenv("NAME", given)
    assert read(Environment()) == expected


@pytest.mark.parametrize(
    ("read", "given", "words"),
    [
        (required, None, "NAME is not set. What it means."),
        (secret, None, "NAME is not set. What it means."),
        (database, None, "NAME is not set. What it means."),
        (boolean, "maybe", "NAME is not a switch. What it means."),
        (boolean, "2", "NAME is not a switch."),
        (boolean, "truee", "NAME is not a switch."),
        (choice, "4", "NAME is '4'; it must be one of: 3, 2."),
        (choice, "", "NAME is ''; it must be one of: 3, 2."),
        (number, "ten", "NAME is not a number, 0.1 to 60."),
        (number, "10 minutes", "NAME is not a number"),
        (number, "1,5", "NAME is not a number"),
        (number, "nan", "NAME is not a number"),
        (number, "inf", "NAME is not a number"),
        (number, "0", "NAME is 0.0; it must be between 0.1 and 60."),
        (number, "61", "NAME is 61.0; it must be between"),
        (integer, "5.0", "NAME is not a whole number, 1 to 60."),
        (integer, "1_0", "NAME is not a whole number"),
        (integer, "٣", "NAME is not a whole number"),  # digits, but not ours
        (integer, "0x10", "NAME is not a whole number"),
        (integer, "0", "NAME is 0; it must be between 1 and 60."),
        (integer, "-5", "NAME is -5; it must be between"),
        (address, "jira.example.com", "NAME must be an address that begins with http:// or https://"),
        (address, "ftp://jira.example.com", "NAME must be an address"),
        (address, "https://", "NAME must be an address"),
        (address, "https://jira.example.com:port", "NAME must be an address"),
        (address, "https://[jira", "NAME must be an address"),
        (needed_address, "", "NAME must be an address"),
        (addresses, "http://a.example/,b.example", "NAME must list addresses"),
        (keys, "short", "NAME holds what is no Fernet key: 32 bytes"),
        (keys, f"{KEY},{KEY[:-4]}", "NAME holds what is no Fernet key"),
        (keys, "!" * 44, "NAME holds what is no Fernet key"),
        (database, "mysql://db.example.com/pao", "NAME must be a URL that begins with postgresql://"),
        (database, "sqlite:///pao.sqlite", "NAME must be a URL that begins with postgresql://"),
        (database, "", "NAME must be a URL that begins with postgresql://"),
        (database, "postgresql://pao@db.example.com:port/pao", "NAME must read postgresql://user:password@host"),
        (database, "postgresql://pao@db.example.com:5432", "NAME must read postgresql://"),
        (database, "postgresql://[pao", "NAME must read postgresql://"),
    ],
)
def test_what_is_wrong_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, read: Read, given: str | None, words: str
) -> None:
    monkeypatch.delenv("NAME", raising=False)
    if given is not None:
        monkeypatch.setenv("NAME", given)
    with pytest.raises(ImproperlyConfigured) as refused:
        read(Environment())
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("read", "given"),
    [(keys, CANARY), (database, f"mysql://pao:{CANARY}@db/pao"), (database, f"postgresql://pao:{CANARY}@db:x/pao")],
)
def test_what_may_be_secret_is_not_repeated(monkeypatch: pytest.MonkeyPatch, read: Read, given: str) -> None:
    monkeypatch.setenv("NAME", given)
    with pytest.raises(ImproperlyConfigured) as refused:
        read(Environment())
    assert CANARY not in str(refused.value)


def test_the_table_remembers_what_was_asked_and_no_secret() -> None:
    env = Environment()
    env.text("ONE", "default", "First.")
    env.secret("TWO", CANARY, "Second.")
    env.integer("THREE", 5, "Third.", least=1, most=9)
    env.words("FOUR", [], "Fourth.")
    env.secrets("FIVE", "Fifth.")
    assert env.table == [
        Setting("ONE", "text", "default", "First."),
        Setting("TWO", "secret", "–", "Second."),
        Setting("THREE", "whole number, 1 to 9", "5", "Third."),
        Setting("FOUR", "list", "–", "Fourth."),
        Setting("FIVE", "list of secrets", "–", "Fifth."),
    ]
