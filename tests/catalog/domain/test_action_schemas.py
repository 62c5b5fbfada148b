"""The configs of actions: one correct one of each type, and one mistake at a time, with the finding it makes."""

import copy
import json
from typing import Any

import pytest

from catalog.domain.checker import check
from catalog.domain.schemas import schemas
from tests.factories import item, rest, ticket

GIT = {
    "repository": "example/infrastructure",
    "branch": "pao/{{.current.name}}",
    "files": [
        {
            "path": "databases/{{.current.name}}.yaml",
            "operation": "create",
            "contentTemplate": "name: {{.current.name}}\nsize: {{.current.basic.size}}\n",
        },
        {"path": "databases/old.tf", "operation": "delete"},
    ],
    "commitMessage": "Make {{.current.name}}",
    "createPullRequest": True,
    "pullRequestTitle": "Make {{.current.name}}",
    "pullRequestBody": "For {{.system.user.name}}",
    "assignees": ["dana"],
    "reviewers": ["example/databases"],
    "mergeStrategy": "squash",
}
WORKFLOW = {
    "repository": "example/.github",
    "workflowFile": "provision.yml",
    "ref": "main",
    "inputs": {"name": "{{.current.name}}", "size": 5, "dry_run": False},
    "waitForCompletion": True,
    "timeout": 600,
    "failOnWorkflowFailure": False,
}
TERRAFORM = {
    "organization": "example",
    "workspace": "database-{{.current.name}}",
    "files": [{"path": "main.tf", "contentTemplate": 'name = "{{.current.name}}"\n'}],
    "variables": {"size": "{{.current.basic.size}}", "zones": ["a", "{{.current.name}}"]},
    "autoApply": False,
    "destroyOnRollback": True,
}
WEBHOOK = {
    "url": "https://events.example.com/{{.current.name}}",
    "method": "POST",
    "headers": {"X-Key": "{{.system.platform.apiKey}}"},
    "body": {"type": "json", "contentTemplate": '{"name": "{{.current.name}}"}'},
    "authentication": {"type": "bearer", "secret": "events/token"},
}
SLACK = {"webhook": {"secret": "slack/databases"}, "messageTemplate": "Made {{.current.name}}"}
EMAIL = {
    "to": ["{{.system.user.email}}", "databases@example.com"],
    "subjectTemplate": "Made {{.current.name}}",
    "bodyTemplate": "Hello {{.system.user.name}}",
}
CONFIGS: dict[str, dict[str, Any]] = {
    "git-commit": GIT,
    "github-workflow": WORKFLOW,
    "terraform": TERRAFORM,
    "webhook": WEBHOOK,
    "slack": SLACK,
    "email": EMAIL,
    "jira-ticket": ticket()["config"],
    "rest-api": rest("https://db.example.com/databases")["config"],
}
FIELDS = [
    {"id": "size", "name": "Size", "type": "number", "required": True},
    {"id": "word", "name": "Word", "type": "password", "required": True},
]


def findings(action_type: str, config: dict[str, Any], **more: Any) -> list[str]:
    """Return the findings in one action as `path code`; paths begin in the action."""
    definition = item(actions=[{"type": action_type, "config": config, **more}], fields=FIELDS)
    content = json.dumps(definition, indent=1).encode()
    checked = check({"catalog/databases/database-small-test.yaml": content}, profile="strict")
    return [f"{found.path.partition('actions[0].')[2]} {found.code}" for found in checked.findings]


@pytest.mark.parametrize("action_type", schemas().action_types)
def test_a_correct_config_has_no_finding(action_type: str) -> None:
    assert findings(action_type, CONFIGS[action_type]) == []


@pytest.mark.parametrize("kept", ["files", "configuration", "neither"])
def test_terraform_takes_files_or_a_configuration_or_what_the_workspace_has(kept: str) -> None:
    config = {**TERRAFORM, "configuration": {"repository": "example/modules", "path": "database", "ref": "v1"}}
    for member in {"files", "configuration"} - {kept}:
        del config[member]
    assert findings("terraform", config) == []


# type, path in the config, new value (... takes it away), findings
ROWS: list[tuple[str, tuple[str | int, ...], Any, list[str]]] = [
    ("git-commit", ("repository",), "infrastructure", ["config.repository type_mismatch"]),
    ("git-commit", ("repository",), "https://github.com/a/b", ["config.repository type_mismatch"]),
    (
        "git-commit",
        ("repository",),
        "{{.current.name}}/b",
        ["config.repository type_mismatch", "config.repository template_syntax"],
    ),
    ("git-commit", ("branch",), ..., ["config.branch required_missing"]),
    ("git-commit", ("branch",), "a branch", ["config.branch type_mismatch"]),
    ("git-commit", ("commitMessage",), "", ["config.commitMessage required_missing"]),
    ("git-commit", ("files",), [], ["config.files type_mismatch"]),
    ("git-commit", ("files", 0, "path"), "/etc/passwd", ["config.files[0].path type_mismatch"]),
    ("git-commit", ("files", 0, "path"), "a/../../b", ["config.files[0].path type_mismatch"]),
    ("git-commit", ("files", 0, "path"), "a\\b.yaml", ["config.files[0].path type_mismatch"]),
    ("git-commit", ("files", 0, "path"), ".git/config", ["config.files[0].path type_mismatch"]),
    ("git-commit", ("files", 0, "operation"), "upsert", ["config.files[0].operation type_mismatch"]),
    ("git-commit", ("files", 0, "operation"), "delete", ["config.files[0].contentTemplate type_mismatch"]),
    ("git-commit", ("files", 0, "contentTemplate"), ..., ["config.files[0].contentTemplate required_missing"]),
    ("git-commit", ("files", 0, "contentTemplate"), "a: [", ["config.files[0].contentTemplate template_syntax"]),
    ("git-commit", ("files", 0, "path"), "a.json", ["config.files[0].contentTemplate template_syntax"]),
    ("git-commit", ("files", 0, "path"), "a.tf.json", ["config.files[0].contentTemplate template_syntax"]),
    ("git-commit", ("mergeStrategy",), "fast", ["config.mergeStrategy type_mismatch"]),
    ("git-commit", ("reviewers", 0), "a b", ["config.reviewers[0] type_mismatch"]),
    ("git-commit", ("author",), "me", ["config.author unknown_property"]),
    ("git-commit", ("commitMessage",), "{{.current.basic.word}}", ["config.commitMessage secret_disclosed"]),
    (
        "git-commit",
        ("files", 0, "contentTemplate"),
        "a: {{.system.platform.apiKey}}",
        ["config.files[0].contentTemplate secret_disclosed"],
    ),
    ("github-workflow", ("workflowFile",), ".github/workflows/a.yml", ["config.workflowFile type_mismatch"]),
    ("github-workflow", ("workflowFile",), "../a.yml", ["config.workflowFile type_mismatch"]),
    ("github-workflow", ("workflowFile",), "a.sh", ["config.workflowFile type_mismatch"]),
    ("github-workflow", ("ref",), "main..dev", ["config.ref type_mismatch"]),
    ("github-workflow", ("inputs", "size"), [1], ["config.inputs.size type_mismatch"]),
    ("github-workflow", ("inputs", "a b"), "x", ["config.inputs.a b type_mismatch"]),
    ("github-workflow", ("inputs", "name"), "{{.current.basic.word}}", ["config.inputs.name secret_disclosed"]),
    ("github-workflow", ("timeout",), 0, ["config.timeout type_mismatch"]),
    ("terraform", ("workspace",), "a b", ["config.workspace type_mismatch"]),
    ("terraform", ("workspace",), ..., ["config.workspace required_missing"]),
    ("terraform", ("configuration",), {"repository": "a/b", "ref": "main"}, ["config type_mismatch"]),
    ("terraform", ("files", 0, "path"), "../main.tf", ["config.files[0].path type_mismatch"]),
    ("terraform", ("files", 0, "contentTemplate"), 'a = "', ["config.files[0].contentTemplate template_syntax"]),
    ("terraform", ("files", 0, "contentTemplate"), ..., ["config.files[0].contentTemplate required_missing"]),
    ("terraform", ("variables", "size"), "{{.current.basic.word}}", ["config.variables.size secret_disclosed"]),
    ("terraform", ("autoApply",), "yes", ["config.autoApply type_mismatch"]),
    ("webhook", ("url",), "https://{{.current.name}}.example.com/", ["config.url url_invalid"]),
    ("webhook", ("url",), "https://events.example.com/?token=x", ["config.url secret_disclosed"]),
    ("webhook", ("url",), "https://events.example.com/{{.current.basic.word}}", ["config.url secret_disclosed"]),
    ("webhook", ("url",), "http://events.example.com/", ["config.headers.X-Key secret_disclosed"]),
    ("webhook", ("method",), "GET", ["config.method http_method_invalid"]),
    ("webhook", ("headers", "X-Key"), "{{.current.basic.word}}", ["config.headers.X-Key secret_disclosed"]),
    (
        "webhook",
        ("body", "contentTemplate"),
        '"{{.current.basic.word}}"',
        ["config.body.contentTemplate secret_disclosed"],
    ),
    ("slack", ("webhook",), "https://hooks.example.com/x", ["config.webhook type_mismatch"]),
    ("slack", ("webhook", "secret"), "Https://x", ["config.webhook.secret type_mismatch"]),
    ("slack", ("messageTemplate",), "{{.current.basic.word}}", ["config.messageTemplate secret_disclosed"]),
    ("email", ("to",), "nobody", ["config.to type_mismatch"]),
    ("email", ("to",), [], ["config.to type_mismatch"]),
    ("email", ("to", 0), "a@example.com, b@example.com", ["config.to[0] type_mismatch"]),
    ("email", ("subjectTemplate",), "{{.current.basic.wrd}}", ["config.subjectTemplate unknown_reference"]),
    ("email", ("bodyTemplate",), "{{.current.basic.word}}", ["config.bodyTemplate secret_disclosed"]),
]


@pytest.mark.parametrize(("action_type", "path", "value", "expected"), ROWS)
def test_a_config_with_one_mistake(
    action_type: str, path: tuple[str | int, ...], value: Any, expected: list[str]
) -> None:
    config = copy.deepcopy(CONFIGS[action_type])
    holder: Any = config
    for step in path[:-1]:
        holder = holder[step]
    if value is ...:
        del holder[path[-1]]
    else:
        holder[path[-1]] = value
    assert findings(action_type, config) == expected


@pytest.mark.parametrize(
    ("action_type", "expression", "found"),
    [
        ("git-commit", "pullRequest.url", []),
        ("git-commit", "commit", ["outputs.x unknown_reference"]),
        ("terraform", "outputs.endpoint", []),
        ("slack", "ok", ["outputs.x unknown_reference"]),
        ("slack", "for {{.current.name}}", []),
    ],
)
def test_an_output_is_taken_from_what_the_action_gives_back(
    action_type: str, expression: str, found: list[str]
) -> None:
    assert findings(action_type, CONFIGS[action_type], outputs={"x": expression}) == found
