"""Unsafe production starts are stopped, each by its own check."""

from typing import Any

import pytest
from django.core.checks import Tags, run_checks
from django.test import override_settings

from pao.checks import (
    hosts_are_named,
    jira_is_reached_safely,
    projects_have_one_jira,
    public_url_is_public,
    secret_key_is_safe,
    sign_in_is_safe,
    webhook_secrets_are_secrets,
)
from pao.settings_jira import JiraInstance

GOOD_KEY = "q3#vR8!tLw2$xK9@bN5%mJ7^hG1&dF4*sA6(pZ0)cY-uE+oI=rT"
SAFE: dict[str, Any] = {
    "DEBUG": False,
    "PAO_AUTH": "session",
    "PAO_BIND": "0.0.0.0:8000",
    "PAO_PUBLIC_URL": "https://pao.example",
    "SECRET_KEY": GOOD_KEY,
    "ALLOWED_HOSTS": ["pao.example"],
    "PAO_GITHUB_WEBHOOK_SECRETS": [],
    "PAO_JIRA_WEBHOOK_SECRETS": [],
    "PAO_JIRA_URL": "https://jira.example",
    "PAO_JIRA_INSTANCES": {},
}
DEVELOPMENT: dict[str, Any] = {
    "DEBUG": True,
    "PAO_AUTH": "dev",
    "PAO_BIND": "127.0.0.1:8000",
    "PAO_PUBLIC_URL": "http://localhost:8000",
    "SECRET_KEY": "short",
    "ALLOWED_HOSTS": ["*"],
    "PAO_GITHUB_WEBHOOK_SECRETS": ["short"],
    "PAO_JIRA_WEBHOOK_SECRETS": ["short"],
    "PAO_JIRA_URL": "http://jira.example",
    "PAO_JIRA_INSTANCES": {},
}


def jira(name: str, url: str, *projects: str, token_url: str = "") -> JiraInstance:
    """Return an instance."""
    return JiraInstance(name, url, "3", "u", "t", "Task", token_url=token_url, projects=projects)


def found(**changes: Any) -> list[str | None]:
    """Return the ids of what the checks find."""
    with override_settings(**changes):
        checks = (
            sign_in_is_safe,
            secret_key_is_safe,
            hosts_are_named,
            public_url_is_public,
            webhook_secrets_are_secrets,
            jira_is_reached_safely,
            projects_have_one_jira,
        )
        return [message.id for check in checks for message in check()]


@pytest.mark.parametrize(
    ("base", "change", "ids"),
    [
        (SAFE, {}, []),
        (DEVELOPMENT, {}, []),
        (DEVELOPMENT, {"PAO_BIND": "[::1]:8000"}, []),
        (SAFE, {"PAO_AUTH": "dev", "PAO_BIND": "127.0.0.1:1"}, ["pao.E001", "pao.E002"]),
        (DEVELOPMENT, {"PAO_BIND": "0.0.0.0:8000"}, ["pao.E002"]),
        (DEVELOPMENT, {"PAO_BIND": ":8000"}, ["pao.E002"]),
        (DEVELOPMENT, {"PAO_BIND": "[::]:8000"}, ["pao.E002"]),
        (DEVELOPMENT, {"PAO_PUBLIC_URL": "https://pao.example"}, ["pao.E002"]),
        (DEVELOPMENT, {"PAO_PUBLIC_URL": "http://127.0.0.1.evil.example"}, ["pao.E002"]),
        (SAFE, {"SECRET_KEY": GOOD_KEY[:49]}, ["pao.E003"]),
        (SAFE, {"SECRET_KEY": "ab" * 40}, ["pao.E003"]),
        (SAFE, {"SECRET_KEY": "django-insecure-" + GOOD_KEY}, ["pao.E003"]),
        (SAFE, {"SECRET_KEY": "development-only-secret-key-that-no-production-start-accepts"}, ["pao.E003"]),
        (SAFE, {"ALLOWED_HOSTS": ["pao.example", "*"]}, ["pao.E004"]),
        (SAFE, {"PAO_GITHUB_WEBHOOK_SECRETS": ["0123456789abcdef"]}, []),
        (SAFE, {"PAO_GITHUB_WEBHOOK_SECRETS": [""]}, ["pao.E007"]),  # set to nothing: B69
        (SAFE, {"PAO_GITHUB_WEBHOOK_SECRETS": ["0123456789abcdef", ""]}, ["pao.E007"]),
        (SAFE, {"PAO_GITHUB_WEBHOOK_SECRETS": ["0123456789abcde"]}, ["pao.E007"]),
        (SAFE, {"PAO_JIRA_WEBHOOK_SECRETS": ["short"]}, ["pao.E007"]),
        (SAFE, {"PAO_JIRA_URL": "http://jira.example"}, ["pao.E008"]),
        (SAFE, {"PAO_JIRA_URL": "http://127.0.0.1:8090"}, []),
        (SAFE, {"PAO_JIRA_INSTANCES": {"dc": jira("dc", "http://dc.example")}}, ["pao.E008"]),
        (
            SAFE,
            {"PAO_JIRA_INSTANCES": {"dc": jira("dc", "https://dc.example", token_url="http://id.example")}},
            ["pao.E008"],
        ),
        (
            SAFE,
            {
                "PAO_JIRA_INSTANCES": {
                    "dc": jira("dc", "https://dc.example", "OPS", "DBA"),
                    "cloud": jira("cloud", "https://cloud.example", "DBA"),
                }
            },
            ["pao.E009"],
        ),
        (SAFE, {"PAO_PUBLIC_URL": "http://pao.example"}, ["pao.E005"]),
        (SAFE, {"PAO_PUBLIC_URL": "http://127.0.0.1:8000"}, ["pao.E005"]),  # the default
        (SAFE, {"PAO_PUBLIC_URL": "https://localhost"}, ["pao.E005"]),
        (SAFE, {"PAO_PUBLIC_URL": "https://LOCALHOST.:8000"}, ["pao.E005"]),
        (SAFE, {"PAO_PUBLIC_URL": "https://pao.localhost"}, ["pao.E005"]),
        (SAFE, {"PAO_PUBLIC_URL": "https://127.1.2.3"}, ["pao.E005"]),
        (SAFE, {"PAO_PUBLIC_URL": "https://[::1]:8000"}, ["pao.E005"]),
        (SAFE, {"PAO_PUBLIC_URL": "https://0.0.0.0"}, ["pao.E005"]),
        (SAFE, {"PAO_PUBLIC_URL": "https://127.0.0.1.example"}, []),  # somebody's name, no address
        (SAFE, {"PAO_PUBLIC_URL": "https://10.1.2.3:8443"}, []),
        (SAFE, {"ALLOWED_HOSTS": ["127.0.0.1", "localhost"]}, ["pao.E006"]),  # the default
        (SAFE, {"ALLOWED_HOSTS": []}, ["pao.E006"]),
        (SAFE, {"ALLOWED_HOSTS": ["[::1]", ".localhost"]}, ["pao.E006"]),
        (SAFE, {"ALLOWED_HOSTS": ["localhost", ".pao.example"]}, []),  # a health check may ask for localhost
    ],
)
def test_unsafe_settings_are_named(base: dict[str, Any], change: dict[str, Any], ids: list[str]) -> None:
    assert found(**base | change) == ids


def test_the_checks_run_with_the_security_checks() -> None:
    with override_settings(**SAFE | {"SECRET_KEY": "short", "ALLOWED_HOSTS": ["*"], "PAO_PUBLIC_URL": "http://x"}):
        ids = {message.id for message in run_checks(tags=[Tags.security])}
    assert {"pao.E003", "pao.E004", "pao.E005"} <= ids


def test_no_message_holds_the_secret() -> None:
    with override_settings(**SAFE | {"SECRET_KEY": "canary-canary"}):
        (message,) = secret_key_is_safe()
    assert "canary" not in f"{message.msg}{message.hint}"
