"""Rendering into names in git repositories, and of workspaces: paths of files, branches and tags.

A value is one part of such a name: it brings no `/`, and nothing that git, a file system or a reader would take for
more than a name. What cannot be written fails the task before any call, as in the path of a URL (B49).
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Protocol

from catalog.domain.templating.grammar import Reference, Template
from catalog.domain.templating.scope import Scope, evaluate, unwritable, written
from pao.core.errors import TemplateError

WORKSPACE_LIMIT = 90
LONGEST_NAME = 4096
"""Characters of a path, a branch or a tag; file systems and GitHub take no longer ones."""

_CONTEXT_BY_ENDING: Mapping[str, str] = {
    # Terraform reads the texts of this JSON as templates of its own, and JSON cannot keep a value from being one.
    ".tf.json": "",
    ".json": "json-body",
    ".yaml": "yaml",
    ".yml": "yaml",
    ".tf": "hcl",
    ".tfvars": "hcl",
    ".hcl": "hcl",
}
_STANDING_FOR_A_VALUE = "v"

_NOT_IN_PATH = re.compile(r'[/\\:*?"<>|]')
# As git itself refuses it for the sake of Windows: another case, dots and blanks at the end, short names of 8.3.
_OF_GIT = re.compile(r"(?:\.git|git~[0-9]+)[. ]*(?::.*)?", re.IGNORECASE)
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)
_NOT_IN_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{")
_NOT_IN_WORKSPACE = re.compile(r"[^A-Za-z0-9_-]", re.ASCII)


class _PartRule(Protocol):
    """Returns why a value, which is not empty, may not be a part of a name; `is_first`: a part begins with it."""

    def __call__(self, text: str, *, is_first: bool) -> str | None: ...


def context_of_file(path: str) -> str:
    """Return the context in which the text of a file is written, by the ending of its path; "" when in none."""
    lowered = path.lower()
    return next((context for ending, context in _CONTEXT_BY_ENDING.items() if lowered.endswith(ending)), "text")


def render_git_path(template: Template, scope: Scope) -> str:
    """Return a path relative to the root of a repository.

    Raises `TemplateError` when it leaves the repository or reaches git's own folder, when a value is missing, hidden
    (a `.` first), looks like an option (`-` first) or holds a sign that some file system refuses, and when values make
    it a file of another kind than the template says: its text was written for that kind.
    """
    path = _joined(template, scope, _part_of_path)
    _refuse(path_problem_of(path), template)
    if context_of_file(path) != context_of_file(template.text):
        raise TemplateError(f"The path {template.text!r} becomes that of a file of another kind by its values.")
    return path


def render_git_ref(template: Template, scope: Scope) -> str:
    """Return the name of a branch or a tag. Raises `TemplateError` when git would refuse it, or a value is missing."""
    name = _joined(template, scope, _part_of_ref)
    _refuse(ref_problem_of(name), template)
    return name


def render_workspace(template: Template, scope: Scope) -> str:
    """Return a workspace's name: letters, digits, `_` and `-`, at most 90. Raises `TemplateError` for anything else."""
    name = _joined(template, scope, _part_of_workspace)
    _refuse(_workspace_problem_of(name), template)
    return name


def git_path_problem(template: Template) -> str | None:
    """Return why the template never becomes a path within a repository, as a sentence, or None: for the checker."""
    return _sentence("path", path_problem_of(_outline(template)))


def git_ref_problem(template: Template) -> str | None:
    """Return why the template never becomes a name of a branch or tag, as a sentence, or None: for the checker."""
    return _sentence("name of a branch or tag", ref_problem_of(_outline(template)))


def workspace_problem(template: Template) -> str | None:
    """Return why the template never becomes a workspace's name, as a sentence, or None: for the checker."""
    return _sentence("workspace's name", _workspace_problem_of(_outline(template)))


def path_problem_of(path: str) -> str | None:
    """Return why a path does not stay within a repository, as the end of a sentence, or None."""
    if "\\" in path or any(unicodedata.category(sign) in {"Cc", "Cs"} for sign in path):
        return "holds a backslash or a control character"
    if path.startswith("/"):
        return "begins with /; it is relative to the root of the repository"
    for segment in path.split("/"):
        if segment in {"", ".", ".."}:
            return "has a segment that is empty, . or .."
        if _OF_GIT.fullmatch(segment):
            return "reaches into git's own folder"
        if segment[-1] in ". " or _DEVICE.fullmatch(segment):
            return "has a segment that Windows would read as another name"
    return None


def ref_problem_of(name: str) -> str | None:
    """Return why git refuses the name of a branch or tag (git check-ref-format), as the end of a sentence, or None."""
    if _NOT_IN_REF.search(name):
        return "holds white space, a control character, .., @{ or one of ~ ^ : ? * [ \\"
    if name.startswith("-") or name in {"", "@", "HEAD"} or name.endswith("."):
        return "is empty, @ or HEAD, begins with - or ends in ."
    if any(not part or part.startswith(".") or part.endswith(".lock") for part in name.split("/")):
        return "has a part that is empty, begins with . or ends in .lock"
    return None


def _workspace_problem_of(name: str) -> str | None:
    if not name or _NOT_IN_WORKSPACE.search(name):
        return "holds something else than letters, digits, _ and -"
    return f"is longer than {WORKSPACE_LIMIT} characters" if len(name) > WORKSPACE_LIMIT else None


def _part_of_path(text: str, *, is_first: bool) -> str | None:
    if _NOT_IN_PATH.search(text) or not text.isprintable():
        return 'a value in a path holds no / \\ : * ? " < > | and nothing invisible'
    if is_first and text[0] in ".-":
        return "a value at the beginning of a name may not begin with . or -"
    return "a value in a path has no white space at its ends" if text != text.strip() else None


def _part_of_ref(text: str, *, is_first: bool) -> str | None:
    if "/" in text or _NOT_IN_REF.search(text) or not text.isprintable():
        return (
            "a value in the name of a branch or tag holds no / ~ ^ : ? * [ \\ .. @{, white space or anything invisible"
        )
    is_odd = is_first and text[0] in ".-"
    return "a value at the beginning of a name may not begin with . or -" if is_odd else None


def _part_of_workspace(text: str, *, is_first: bool) -> str | None:
    del is_first  # any of the letters may come first
    is_odd = _NOT_IN_WORKSPACE.search(text)
    return "a workspace's name takes letters, digits, _ and - alone; the function slug makes them" if is_odd else None


def _joined(template: Template, scope: Scope, problem_of: _PartRule) -> str:
    """Return the template with its values, each of them held to be one part of a name."""
    name = ""
    for part in template.parts:
        name += part if isinstance(part, str) else _value(part, scope, problem_of, is_first=name[-1:] in {"", "/"})
        if len(name) > LONGEST_NAME:
            raise TemplateError(f"What the template becomes is no name: it is longer than {LONGEST_NAME} characters.")
    return name


def _value(reference: Reference, scope: Scope, problem_of: _PartRule, *, is_first: bool) -> str:
    if scope.is_secret(reference):
        raise unwritable(reference, "a secret may not stand in a name")
    text = written(evaluate(reference, scope), reference)
    problem = problem_of(text, is_first=is_first) if text else "a value in a name may not be empty"
    if problem:
        raise unwritable(reference, problem)
    return text


def _outline(template: Template) -> str:
    return "".join(part if isinstance(part, str) else _STANDING_FOR_A_VALUE for part in template.parts)


def _sentence(what: str, problem: str | None) -> str | None:
    return f"The {what} {problem}." if problem else None


def _refuse(problem: str | None, template: Template) -> None:
    if problem:
        raise TemplateError(f"What {template.text!r} becomes {problem}.")
