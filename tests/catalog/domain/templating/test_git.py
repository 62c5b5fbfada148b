"""Names in repositories and of workspaces: what a template may be, and what a value may bring."""

from collections.abc import Callable
from typing import Any

import pytest

from catalog.domain.templating import (
    Scope,
    Template,
    context_of_file,
    git_path_problem,
    git_ref_problem,
    parse,
    render_git_path,
    render_git_ref,
    render_workspace,
    workspace_problem,
)
from pao.core.errors import TemplateError

Problem = Callable[[Template], str | None]
Render = Callable[[Template, Scope], str]


@pytest.mark.parametrize(
    ("problem_of", "text"),
    [
        *((git_path_problem, text) for text in ("a b/c.yaml", ".github/x", "{{.current.v}}", "a/{{.current.v}}.tf")),
        *((git_ref_problem, text) for text in ("main", "pao/{{.current.v}}", "v1.2", "{{.current.v}}-x", "é")),
        *((workspace_problem, text) for text in ("a", "A_b-1", "{{.current.v}}", "a-{{.current.v}}")),
    ],
)  # fmt: skip
def test_a_name_that_may_be(problem_of: Problem, text: str) -> None:
    assert problem_of(parse(text)) is None


@pytest.mark.parametrize(
    ("problem_of", "render", "text", "words"),
    [
        (git_path_problem, render_git_path, "", "segment that is empty"),
        (git_path_problem, render_git_path, "/etc/passwd", "begins with /"),
        (git_path_problem, render_git_path, "a//b", "segment that is empty"),
        (git_path_problem, render_git_path, "a/", "segment that is empty"),
        (git_path_problem, render_git_path, "./a", "segment that is empty, . or .."),
        (git_path_problem, render_git_path, "a/../{{.current.v}}", "segment that is empty, . or .."),
        (git_path_problem, render_git_path, "a\\b", "backslash"),
        (git_path_problem, render_git_path, "a\nb", "control character"),
        (git_path_problem, render_git_path, ".git/config", "git's own folder"),
        (git_path_problem, render_git_path, "a/.GIT/{{.current.v}}", "git's own folder"),
        (git_path_problem, render_git_path, "git~1/x", "git's own folder"),
        (git_path_problem, render_git_path, "git~2/x", "git's own folder"),
        (git_path_problem, render_git_path, ".git. /x", "git's own folder"),
        (git_path_problem, render_git_path, ".Git::$INDEX_ALLOCATION/x", "git's own folder"),
        (git_path_problem, render_git_path, "a./{{.current.v}}", "Windows would read as another name"),
        (git_path_problem, render_git_path, "CON.txt", "Windows would read as another name"),
        (git_ref_problem, render_git_ref, "a b", "holds white space"),
        (git_ref_problem, render_git_ref, "a..{{.current.v}}", "holds white space"),
        (git_ref_problem, render_git_ref, "a@{1}", "holds white space"),
        (git_ref_problem, render_git_ref, "-a", "begins with -"),
        (git_ref_problem, render_git_ref, "HEAD", "is empty, @ or HEAD"),
        (git_ref_problem, render_git_ref, "{{.current.v}}.", "ends in ."),
        (git_ref_problem, render_git_ref, "a/.b", "begins with ."),
        (git_ref_problem, render_git_ref, "/a", "has a part that is empty"),
        (git_ref_problem, render_git_ref, "{{.current.v}}.lock", ".lock"),
        (workspace_problem, render_workspace, "a b", "something else than letters"),
        (workspace_problem, render_workspace, "", "something else than letters"),
        (workspace_problem, render_workspace, "a" * 91, "longer than 90"),
    ],
)
def test_a_name_that_never_is_one(problem_of: Problem, render: Render, text: str, words: str) -> None:
    found = problem_of(parse(text))
    assert found
    assert words in found
    with pytest.raises(TemplateError, match=words):
        render(parse(text), Scope(current={"v": "v"}))


@pytest.mark.parametrize(
    ("render", "text", "value", "words"),
    [
        (render_git_path, "a/{{.current.v}}", "b/c", "holds no /"),
        (render_git_path, "a/{{.current.v}}", "..", "may not begin with . or -"),
        (render_git_path, "a/{{.current.v}}", ".git", "may not begin with . or -"),
        (render_git_path, "a/{{.current.v}}", "-rf", "may not begin with . or -"),
        (render_git_path, "a/{{.current.v}}", "", "may not be empty"),
        (render_git_path, "a/{{.current.v}}", None, "may not be empty"),
        (render_git_path, "a/{{.current.v}}", "b ", "white space at its ends"),
        (render_git_path, "a/{{.current.v}}", "b\u202ec", "nothing invisible"),
        (render_git_path, "a/g{{.current.v}}", "it~1", "git's own folder"),
        (render_git_path, ".{{.current.v}}/config", "git.", "git's own folder"),
        # the file's text was written for another kind
        (render_git_path, "a/{{.current.v}}", "main.tf", "another kind"),
        (render_git_path, "a/{{.current.v}}", "b.JSON", "another kind"),
        (render_git_path, "a.tf.{{.current.v}}", "json", "another kind"),
        (render_git_path, "a/{{.current.v}}.json", "b.tf", "another kind"),
        (render_git_ref, "a/{{.current.v}}", "b/c", "holds no /"),
        (render_git_ref, "a/{{.current.v}}", "b c", "white space"),
        (render_git_ref, "{{.current.v}}", "HEAD", "@ or HEAD"),
        (render_git_ref, "a-{{.current.v}}", "b.lock", ".lock"),
        (render_git_ref, "a/{{.current.v}}", None, "may not be empty"),
        (render_workspace, "a-{{.current.v}}", "b c", "letters, digits, _ and - alone"),
        (render_workspace, "a-{{.current.v}}", "é", "letters, digits, _ and - alone"),
        (render_workspace, "a-{{.current.v}}", "b" * 89, "longer than 90"),
        (render_workspace, "a-{{.current.v}}", None, "may not be empty"),
    ],
)
def test_a_value_that_is_no_part_of_a_name_is_refused(render: Render, text: str, value: Any, words: str) -> None:
    with pytest.raises(TemplateError, match=words):
        render(parse(text), Scope(current={"v": value}))


@pytest.mark.parametrize("render", [render_git_path, render_git_ref, render_workspace])
def test_a_secret_names_nothing(render: Render) -> None:
    scope = Scope(current={"v": "swordfish"}, secret_paths=frozenset({("current", "v")}))
    with pytest.raises(TemplateError, match="a secret may not stand in a name") as caught:
        render(parse("a{{.current.v}}"), scope)
    assert "swordfish" not in caught.value.message


@pytest.mark.parametrize(
    ("path", "context"),
    [
        ("a.json", "json-body"),
        ("a.YAML", "yaml"),
        ("a.yml", "yaml"),
        ("main.tf", "hcl"),
        ("a.tfvars", "hcl"),
        ("a.hcl", "hcl"),
        ("a.tfvars.json", "json-body"),  # values, which Terraform does not evaluate
        ("main.tf.json", ""),  # expressions, which it does
        ("a.md", "text"),
        ("json", "text"),
    ],
)
def test_the_ending_of_a_path_is_the_context_of_the_files_text(path: str, context: str) -> None:
    assert context_of_file(path) == context
