"""`check_catalog`: exit statuses, formats and scope, by every way it is reached, and without Django."""

import ast
import io
import json
import os
import re
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml
from django.core.management import CommandError, call_command

from catalog.check import CLEAN, COULD_NOT_RUN, PROBLEMS, main
from devtools.parts import ROOT
from tests.catalog.domain.catalog_files import BUNDLE_FILE, ITEM_FILE, OTHER_FILE, TEXTS
from tests.catalog.repository import Repository

MISTAKE = TEXTS[ITEM_FILE].replace("1.0.0", "1.0")
WARNING = TEXTS[ITEM_FILE].replace('port: "5432"', "port: NO")


class Answer:
    """What the command answers: exit status and what it prints."""

    def __init__(self, *arguments: str | Path) -> None:
        out, err = io.StringIO(), io.StringIO()
        self.status = main([str(argument) for argument in arguments], out=out, err=err)
        self.out = out.getvalue()
        self.err = err.getvalue()

    @property
    def places(self) -> list[str]:
        """The beginnings of the lines of findings: file, line, column, severity and code."""
        return [" ".join(line.split()[:3]) for line in self.out.splitlines()[:-1] if not line.startswith(" ")]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a catalog repository without git in which nothing is wrong; the current folder is there."""
    write(tmp_path, TEXTS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


# Files beside those in which nothing is wrong, arguments, exit status, findings.
RUNS: dict[str, tuple[dict[str, str], list[str], int, list[str]]] = {
    "clean": ({}, ["."], CLEAN, []),
    "the current folder": ({}, [], CLEAN, []),
    "an error": ({ITEM_FILE: MISTAKE}, ["."], PROBLEMS, [f"{ITEM_FILE}:7:12: error version_format"]),
    "a warning": ({ITEM_FILE: WARNING}, ["."], CLEAN, [f"{ITEM_FILE}:10:9: warning yaml_ambiguous"]),
    "the relaxed profile": (
        {OTHER_FILE: TEXTS[OTHER_FILE].replace("category: compute", "category: compute\n  bad_key: 1")},
        [".", "--profile", "relaxed"],
        CLEAN,
        [f"{OTHER_FILE}:9:3: warning key_format"],
    ),
    "the strict profile": (
        {OTHER_FILE: TEXTS[OTHER_FILE].replace("category: compute", "category: compute\n  bad_key: 1")},
        ["."],
        PROBLEMS,
        [f"{OTHER_FILE}:9:3: error key_format"],
    ),
    "a file without mistakes beside one with": ({ITEM_FILE: MISTAKE}, [OTHER_FILE], CLEAN, []),
    "a file with mistakes": ({ITEM_FILE: MISTAKE}, [ITEM_FILE], PROBLEMS, [f"{ITEM_FILE}:7:12: error version_format"]),
    "a folder": ({ITEM_FILE: MISTAKE}, ["catalog/compute"], CLEAN, []),
    "a folder and a file": (
        {ITEM_FILE: MISTAKE},
        ["catalog/compute", ITEM_FILE],
        PROBLEMS,
        [f"{ITEM_FILE}:7:12: error version_format"],
    ),
    "the folder of all items": ({ITEM_FILE: MISTAKE}, ["catalog"], 1, [f"{ITEM_FILE}:7:12: error version_format"]),
    "a bundle is judged with its items": (
        {BUNDLE_FILE: TEXTS[BUNDLE_FILE].replace("catalogItem: compute-app-test", "catalogItem: compute-app-tset")},
        [BUNDLE_FILE],
        PROBLEMS,
        [f"{BUNDLE_FILE}:13:18: error component_ref_missing"],
    ),
    "a bundle alone finds its items": ({}, [BUNDLE_FILE], CLEAN, []),
    "the owners of another team": (
        {"CODEOWNERS": "* @acme/databases\n/catalog/compute/ @acme/network\n/bundles/ @acme/architecture\n"},
        ["."],
        CLEAN,
        [f"{OTHER_FILE}:9:17: warning owner_mismatch"],
    ),
    "code owners": ({"CODEOWNERS": "* me\n"}, ["."], CLEAN, ["CODEOWNERS:1:3: warning codeowners_invalid"]),
    "code owners alone": (
        {"CODEOWNERS": "* me\n", ITEM_FILE: MISTAKE},
        ["CODEOWNERS"],
        CLEAN,
        ["CODEOWNERS:1:3: warning codeowners_invalid"],
    ),
    "code owners by GitHub's precedence": ({"CODEOWNERS": "* me\n", ".github/CODEOWNERS": "* @me\n"}, ["."], CLEAN, []),
    "a file that is no document": ({"README.md": "x", ITEM_FILE: MISTAKE}, ["README.md"], CLEAN, []),
    "a category named bundles": (
        {"catalog/bundles/database-small-test.yaml": MISTAKE},
        ["catalog/bundles/database-small-test.yaml"],
        PROBLEMS,
        [
            "catalog/bundles/database-small-test.yaml:4:7: error duplicate_item_id",
            "catalog/bundles/database-small-test.yaml:7:12: error version_format",
            "catalog/bundles/database-small-test.yaml:8:13: error category_folder_mismatch",
        ],
    ),
}


@pytest.mark.parametrize(("files", "arguments", "status", "places"), RUNS.values(), ids=RUNS)
def test_a_run(folder: Path, files: dict[str, str], arguments: list[str], status: int, places: list[str]) -> None:
    write(folder, files)
    answer = Answer(*arguments)
    assert (answer.status, [place.removesuffix(":") for place in answer.places], answer.err) == (status, places, "")


def test_text_shows_the_hint_beneath_and_ends_with_a_summary(folder: Path) -> None:
    write(folder, {ITEM_FILE: TEXTS[ITEM_FILE].replace("1.0.0", "v1.0")})
    assert Answer(".").out.splitlines() == [
        f"{ITEM_FILE}:7:12: error version_format `v1.0` is not MAJOR.MINOR.PATCH",
        "    For example `1.0.0`.",
        "3 files checked (strict): 1 error.",
    ]


@pytest.mark.parametrize(
    ("files", "summary"),
    [
        ({}, "3 files checked (strict): nothing wrong."),
        ({ITEM_FILE: WARNING}, "3 files checked (strict): 1 warning."),
        ({ITEM_FILE: WARNING.replace("1.0.0", "1.0")}, "3 files checked (strict): 1 error and 1 warning."),
    ],
)
def test_the_summary_counts(folder: Path, files: dict[str, str], summary: str) -> None:
    write(folder, files)
    assert Answer(".").out.splitlines()[-1] == summary


def test_json_is_one_object(folder: Path) -> None:
    write(folder, {ITEM_FILE: MISTAKE})
    answer = json.loads(Answer(".", "--format", "json").out)
    assert answer["files"] == [BUNDLE_FILE, OTHER_FILE, ITEM_FILE]
    assert answer["summary"] == {"profile": "strict", "files": 3, "errors": 1, "warnings": 0}
    (finding,) = answer["findings"]
    assert (finding["file"], finding["line"], finding["column"], finding["path"]) == (
        ITEM_FILE,
        7,
        12,
        "metadata.version",
    )


def test_github_gets_commands_with_everything_escaped(folder: Path) -> None:
    name = "catalog/data,bases/100%:a\nb.yaml"
    write(folder, {name: "kind: x"})
    lines = Answer(name, "--format", "github").out.splitlines()
    assert lines[0].startswith(
        "::error file=catalog/data%2Cbases/100%25%3Aa%0Ab.yaml,line=1,col=1,title=schema_version_missing::"
    )
    assert lines[0].endswith("`schemaVersion` is missing. Begin the document with `schemaVersion: catalog/v1`.")
    assert [line.split(" ")[0] for line in lines[:-1]] == ["::error"] * (len(lines) - 1)


def test_a_name_that_commands_the_terminal_is_shown_and_not_obeyed(folder: Path) -> None:
    write(folder, {"catalog/databases/a\x1b[2Jb\nc.yaml": "kind: x"})
    out = Answer(".").out
    assert "catalog/databases/a\ufffd[2Jb\ufffdc.yaml:1:1: error" in out
    assert "\x1b" not in out


def test_a_name_that_is_no_text_is_shown_with_escapes(folder: Path) -> None:
    Path(os.fsdecode(b"catalog/databases/a\xff.yaml")).write_text("kind: x", encoding="utf-8")
    assert "catalog/databases/a\\udcff.yaml:1:1: error" in Answer(".").out


def test_a_document_beyond_the_limit_is_refused(folder: Path) -> None:
    write(folder, {ITEM_FILE: " " * 10_000_000})
    assert Answer(ITEM_FILE).places == [f"{ITEM_FILE}:1:1: error document_too_large"]


def test_links_are_told_and_not_followed(folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    write(outside, {"a.yaml": "kind: x", "CODEOWNERS": "* me"})
    (folder / "catalog" / "linked").symlink_to(outside)
    (folder / "catalog" / "databases" / "a.yaml").symlink_to(outside / "a.yaml")
    (folder / "CODEOWNERS").symlink_to(outside / "CODEOWNERS")
    answer = Answer(".")
    assert (answer.status, answer.places) == (CLEAN, [])
    assert answer.err.splitlines() == [
        "catalog/linked is a symbolic link: PAO does not read it.",
        "catalog/databases/a.yaml is a symbolic link: PAO does not read it.",
    ]


def test_a_catalog_folder_that_is_a_link_is_not_read(tmp_path: Path) -> None:
    write(tmp_path / "elsewhere", {"databases/a.yaml": "kind: x"})
    (tmp_path / "root" / "bundles").mkdir(parents=True)
    (tmp_path / "root" / "catalog").symlink_to(tmp_path / "elsewhere")
    answer = Answer(tmp_path / "root")
    assert (answer.status, answer.places) == (COULD_NOT_RUN, [])
    (tmp_path / "root" / BUNDLE_FILE).write_text("kind: x", encoding="utf-8")
    answer = Answer(tmp_path / "root")
    assert answer.status == PROBLEMS
    assert answer.err.endswith("catalog is a symbolic link: PAO does not read it.\n")


WRONG_PLACES = ["bundles/x/a.yaml", "catalog/a.yaml", "catalog/databases/a.YAML", "catalog/databases/deep/b.yml"]


def test_what_looks_like_a_document_at_a_wrong_place_is_told(folder: Path) -> None:
    write(folder, dict.fromkeys([*WRONG_PLACES, "catalog/databases/deep/README.md", "a.yaml"], MISTAKE))
    answer = Answer(".")
    assert (answer.status, answer.out) == (CLEAN, "3 files checked (strict): nothing wrong.\n")
    said = "is not checked, and PAO does not serve it: documents stand in catalog/<category>/ or bundles/, and end in"
    assert answer.err.splitlines() == [f"{file} {said} .yaml or .yml." for file in WRONG_PLACES]
    assert (Answer("catalog/compute").err, len(Answer("catalog").err.splitlines())) == ("", 3)


@pytest.mark.parametrize("path", ["catalog/a.yaml", "catalog/databases/deep"])
def test_nothing_but_misplaced_files_is_no_clean_catalog(folder: Path, path: str) -> None:
    write(folder, dict.fromkeys(WRONG_PLACES, MISTAKE))
    answer = Answer(path)
    assert (answer.status, answer.out, len(answer.err.splitlines())) == (COULD_NOT_RUN, "", 2)


def test_of_many_misplaced_files_some_are_named(folder: Path) -> None:
    write(folder, {f"catalog/{number}.yaml": "" for number in range(30)})
    assert Answer(".").err.splitlines()[20:] == ["10 more files are not checked for that reason."]


def test_files_are_named_from_the_current_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder, {ITEM_FILE: MISTAKE})
    monkeypatch.chdir(folder / "catalog" / "compute")
    assert Answer("../..").places == ["../databases/database-small-test.yaml:7:12: error version_format"]


def test_several_repositories_at_once(folder: Path) -> None:
    write(folder / "other", {ITEM_FILE: MISTAKE})
    answer = Answer(".", "other")
    assert answer.places == [f"other/{ITEM_FILE}:7:12: error version_format"]
    assert answer.out.splitlines()[-1] == "4 files checked (strict): 1 error."


@pytest.mark.parametrize(("git", "code"), [(["catalog"], []), ([], ["kind_location_mismatch"])])
def test_the_repository_with_git_is_the_root_when_several_could_be(
    tmp_path: Path, git: list[str], code: list[str]
) -> None:
    """A bundle of a repository named catalog could be an item of the category bundles, too."""
    file = tmp_path / "catalog" / BUNDLE_FILE
    write(tmp_path / "catalog", TEXTS)
    for name in git:
        (tmp_path / name / ".git").mkdir()
    out = Answer(file).out
    assert [each for each in ("kind_location_mismatch",) if each in out] == code


# Arguments for which nothing can be checked, and what is said.
REFUSED = {
    "no such path": (["nowhere"], "check_catalog: There is no nowhere.\n"),
    "no catalog": (
        ["/usr"],
        "check_catalog: /usr is in no catalog repository: no folder around it holds catalog/ or bundles/.\n",
    ),
}


@pytest.mark.parametrize(("arguments", "said"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_checked(folder: Path, arguments: list[str], said: str) -> None:
    answer = Answer(*arguments)
    assert (answer.status, answer.out, answer.err) == (COULD_NOT_RUN, "", said)


def test_a_file_that_cannot_be_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refused)
    answer = Answer(".")
    assert answer.status == COULD_NOT_RUN
    assert answer.err.endswith("database-small-test.yaml cannot be read: Permission denied.\n")


def test_too_many_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("catalog.working_tree.MOST_FILES", 1)
    answer = Answer(".")
    assert (answer.status, "holds more than 1 files" in answer.err) == (COULD_NOT_RUN, True)


def test_unknown_options_end_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--profile", "lenient"])
    assert ended.value.code == COULD_NOT_RUN
    assert "lenient" in capsys.readouterr().err


def test_help_tells_the_exit_statuses(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == CLEAN
    assert "warnings alone are told and do not count" in " ".join(capsys.readouterr().out.split())


@pytest.fixture
def branch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """Return a repository whose documents all have a warning, on a branch that left `main` before main went on."""
    repository = Repository(tmp_path / "repository")
    texts = {file: text.replace("  name:", "  more: NO\n  name:", 1) for file, text in TEXTS.items()}
    repository.commit({**texts, "CODEOWNERS": "* me\n"})
    repository.git("branch", "feature")
    repository.commit({OTHER_FILE: texts[OTHER_FILE] + "# on main\n"})
    repository.git("switch", "--quiet", "feature")
    monkeypatch.chdir(repository.folder)
    return repository


def test_a_path_without_a_document_is_no_clean_catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "catalog").mkdir()
    (tmp_path / "README.md").write_text("nothing to check", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for path in (".", "README.md", "catalog"):
        answer = Answer(path)
        assert (answer.status, answer.out) == (COULD_NOT_RUN, ""), path
        assert "There is no catalog document in" in answer.err


def test_nothing_changed(branch: Repository) -> None:
    answer = Answer(".", "--changed", "main")
    assert (answer.status, answer.out) == (CLEAN, "No file checked (strict): nothing wrong.\n")


# What a branch changes (None: it deletes the file), how far it is, and the files that are told about.
CHANGES: dict[str, tuple[dict[str, str | None], str, list[str]]] = {
    "an item that a bundle uses": ({ITEM_FILE: TEXTS[ITEM_FILE]}, "committed", [BUNDLE_FILE]),
    "not committed yet": ({ITEM_FILE: TEXTS[ITEM_FILE]}, "written", [BUNDLE_FILE]),
    "a bundle": ({BUNDLE_FILE: TEXTS[BUNDLE_FILE] + "\nmore: 1\n"}, "committed", [BUNDLE_FILE]),
    "a new file": ({"bundles/new.yaml": "kind: x"}, "committed", ["bundles/new.yaml"]),
    "a new file, not committed yet": ({"bundles/new.yaml": "kind: x"}, "written", ["bundles/new.yaml"]),
    "an item that is deleted": ({ITEM_FILE: None}, "committed", [BUNDLE_FILE]),
    "an item that gets another id": (
        {ITEM_FILE: TEXTS[ITEM_FILE].replace("id: database-small-test", "id: database-large-test")},
        "committed",
        [BUNDLE_FILE, ITEM_FILE],
    ),
    "an item that gets the id of another": (
        {"catalog/databases/new.yaml": TEXTS[ITEM_FILE]},
        "committed",
        [BUNDLE_FILE, "catalog/databases/new.yaml"],
    ),
    "code owners": ({"CODEOWNERS": "* you\n"}, "committed", ["CODEOWNERS"]),
    "another file": ({"README.md": "x"}, "committed", []),
    "a name with a line break": ({"bundles/a\nb.yaml": "kind: x"}, "committed", ["bundles/a\ufffdb.yaml"]),
}


@pytest.mark.parametrize(("files", "how", "told"), CHANGES.values(), ids=CHANGES)
def test_changed_tells_about_the_branch_alone(
    branch: Repository, files: dict[str, str | None], how: str, told: list[str]
) -> None:
    if how == "committed":
        branch.commit(files)
    else:
        write(branch.folder, {file: text for file, text in files.items() if text is not None})
    answer = Answer(".", "--changed", "main")
    assert sorted({place.split(":")[0] for place in answer.places}) == sorted(told)


def test_changed_in_a_folder_of_a_larger_repository(branch: Repository) -> None:
    branch.commit({f"inner/{file}": text for file, text in TEXTS.items()})
    branch.commit({f"inner/{ITEM_FILE}": MISTAKE, BUNDLE_FILE: "kind: x"})
    answer = Answer("inner", "--changed", "HEAD~1")
    assert [place for place in answer.places if "bundles" not in place] == [
        f"inner/{ITEM_FILE}:7:12: error version_format"
    ]
    assert answer.out.splitlines()[-1] == "2 files checked (strict): 1 error."


@pytest.mark.parametrize("base", ["nobody", "--output=x", "HEAD:CODEOWNERS"])
def test_a_base_that_is_none(branch: Repository, base: str) -> None:
    answer = Answer(".", f"--changed={base}")
    assert (answer.status, answer.out) == (COULD_NOT_RUN, "")
    assert answer.err.startswith("check_catalog: git merge-base failed: ")
    assert not (branch.folder / "x").exists()


def test_a_base_without_a_common_commit(branch: Repository) -> None:
    branch.git("switch", "--quiet", "--orphan", "alone")
    branch.commit({ITEM_FILE: TEXTS[ITEM_FILE]})
    answer = Answer(".", "--changed", "main")
    assert answer.err == (
        "check_catalog: git merge-base failed: the two have no commit in common "
        "(a shallow clone lacks it: fetch the whole history)\n"
    )


def test_changed_without_git(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(folder))
    answer = Answer(".", "--changed", "main")
    assert answer.err == "check_catalog: git is not installed, and changes are found with it.\n"


def test_call_command(folder: Path) -> None:
    out = io.StringIO()
    call_command("check_catalog", ".", stdout=out)
    assert out.getvalue() == "3 files checked (strict): nothing wrong.\n"


@pytest.mark.parametrize(("path", "status"), [(".", PROBLEMS), ("nowhere", COULD_NOT_RUN)])
def test_call_command_raises_with_the_exit_status(folder: Path, path: str, status: int) -> None:
    write(folder, {ITEM_FILE: MISTAKE})
    with pytest.raises(CommandError) as raised:
        call_command("check_catalog", path, stdout=io.StringIO(), stderr=io.StringIO())
    assert raised.value.returncode == status


def started(*command: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run Python in an environment without a single setting."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("door", [[str(ROOT / "manage.py"), "check_catalog"], ["-m", "catalog.check"]])
def test_it_runs_without_any_setting(folder: Path, door: list[str]) -> None:
    write(folder, {ITEM_FILE: MISTAKE})
    done = started(*door, ".", folder=folder)
    assert (done.returncode, done.stderr) == (PROBLEMS, "")
    assert done.stdout.endswith("3 files checked (strict): 1 error.\n")


def test_it_runs_without_django(folder: Path) -> None:
    """Neither Django nor anything else that only the service needs is imported."""
    program = (
        "import sys; from catalog.check import main; status = main(['.']);"
        "print(status, sorted({name.partition('.')[0] for name in sys.modules}"
        " & {'django', 'rest_framework', 'celery', 'kombu', 'boto3', 'psycopg', 'requests', 'structlog', 'environ'}))"
    )
    done = started("-c", program, folder=folder)
    assert done.stdout.splitlines()[-1] == "0 []", done.stderr


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
# The package to install for each module that is not ours.
DISTRIBUTIONS = {
    "yaml": "pyyaml",
    "jsonschema": "jsonschema",
    "re2": "google-re2",
    "jmespath": "jmespath",
    "celpy": "cel-python",
    "lark": "cel-python",  # its parser comes with it
}


def test_what_pip_installs_is_enough(folder: Path) -> None:
    """The command's entry, its packages with their data, and what these import by name."""
    assert PROJECT["project"]["scripts"] == {"pao-check-catalog": "catalog.check:main"}
    included = PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]
    imported = imported_by_the_check(folder)
    packages = {package for package, _ in imported}
    assert {package for package in packages if not any(fnmatch(package, each) for each in included)} == set()
    names = {name for _, name in imported} - set(sys.stdlib_module_names) - {"catalog", "pao"}
    installed = {re.split(r"[>=<]", each)[0] for each in PROJECT["project"]["dependencies"]}
    assert {DISTRIBUTIONS[name] for name in names} <= installed == set(DISTRIBUTIONS.values())
    assert PROJECT["tool"]["setuptools"]["package-data"] == {"catalog": ["schema/**/*.json"]}


def imported_by_the_check(folder: Path) -> set[tuple[str, str]]:
    """Return package and name of every import that the command's own modules do."""
    program = (
        "import sys, catalog.check; print(*(m.__file__ for n, m in sys.modules.items() if n[:4] in ('cata', 'pao.')))"
    )
    found = set()
    for file in map(Path, started("-c", program, folder=folder).stdout.split()):
        package = ".".join(file.parent.relative_to(ROOT).parts)
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {(package, alias.name.partition(".")[0]) for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found.add((package, str(node.module).partition(".")[0]))
    return found


def test_the_hook_runs_the_command_on_documents() -> None:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    assert (hook["id"], hook["entry"], hook["language"]) == ("check-catalog", "pao-check-catalog", "python")
    for file in [*TEXTS, "CODEOWNERS", ".github/CODEOWNERS", "docs/CODEOWNERS", "bundles/a.yml"]:
        assert re.search(hook["files"], file)
    for file in ["README.md", "catalog/a.yaml", "catalog/a/b/c.yaml", "bundles/a/b.yaml", "x/catalog/a/b.yaml"]:
        assert not re.search(hook["files"], file)
