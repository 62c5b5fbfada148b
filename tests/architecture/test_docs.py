"""What people read is held to the code: tables, links, paths, commands, settings and codes that the pages name."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from catalog.domain.checks_support import check_support
from catalog.domain.documents import SCHEMA_VERSION
from catalog.domain.findings import Report
from catalog.domain.positions import Positions
from catalog.domain.schemas import schemas
from devtools.door import VERBS
from fulfillment.actions.registry import ACTION_TYPES
from pao.api.errors import error_codes
from pao.core.errors import ActionFailed, PaoError, SecretUnavailable, TemplateError
from pao.failpoints import NAMES
from pao.settings import env
from requests_app.domain import reasons, states

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
BY_HAND = [page for page in PAGES if page.name not in {"settings.md", "errors.md", "states.md"}]
OF_SECRETS = "PAO_SECRET_"  # and the name of a secret: fulfillment/context.py
READ_ELSEWHERE = {
    "PAO_VENV",  # devtools/door.py
    "PAO_WEB_WORKERS",  # docker-entrypoint.sh
    "PAO_WEB_THREADS",  # as above
}
GIVEN_BY_NAME = {  # codes that a constant or a choice gives
    "INVALID_CONFIG",  # fulfillment/actions/config.py
    "SERVER_ERROR",  # fulfillment/actions/rest_api.py
    "UNEXPECTED_STATUS",  # as above
    "DESTINATION_NOT_ALLOWED",  # pao/clients/destinations.py
}


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def named(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


# --- docs/actions.md: the tables are the schemas, row by row


def rows_of(schema: dict[str, Any], path: str = "", *, within: str = "") -> Iterator[str]:
    """Yield one row per member of a config, in the schema's order; sections are followed by their members."""
    required = set(schema.get("required", ()))
    for name, member in schema["properties"].items():
        at = f"{path}.{name}".lstrip(".")
        must = "yes" if name in required else "no"
        if must == "yes" and within:
            must = f"with `{within}`"
        entry = member.get("items", {})
        if "properties" in member:
            yield from rows_of(member, at, within=within if must == "yes" else at)
        elif "properties" in entry:
            yield f"| `{at}` | {must} | – | {_meaning(member)} |"
            yield from rows_of(entry, f"{at}[]", within=at)
        else:
            context = member.get("x-pao-template") or "/".join(_contexts_inside(member, schema, name))
            yield f"| `{at}` | {must} | {context or '–'} | {_meaning(member)} |"


def _contexts_inside(member: dict[str, Any], holder: dict[str, Any], name: str) -> list[str]:
    """Return the contexts of the entries of a list or a mapping, or those that the holder's branches give."""
    branches = [holder.get(branch, {}).get("properties", {}).get(name, {}) for branch in ("else", "then")]
    rest = member.get("additionalProperties")
    inner = [member.get("items", {}), rest if isinstance(rest, dict) else {}, *branches]
    return [one["x-pao-template"] for one in inner if "x-pao-template" in one]


def _meaning(member: dict[str, Any]) -> str:
    choices = f" One of: {', '.join(member['enum'])}." if "enum" in member else ""
    return f"{member['description']}{choices}".replace("|", "\\|")


def is_carried_out(action_type: str, member: str) -> bool:
    """Tell whether the checker lets an action of this type have the member in its config."""
    report = Report(file="x.yaml", positions=Positions(keys={}, values={}), profile="strict")
    action = {"type": action_type, "config": {member.partition(".")[0]: {}}}
    check_support({"fulfillment": {"manual": {"actions": [action]}}}, report)
    return not report.findings


def table_of(action_type: str) -> str:
    schema = schemas().linked[f"actions/{action_type}.json"]
    rows = [row for row in rows_of(schema) if is_carried_out(action_type, row.split("`")[1])]
    return "\n".join(["| config | needed | template | meaning |", "|---|---|---|---|", *rows])


def section_of(action_type: str) -> str:
    _, found, rest = read("docs/actions.md").partition(f"## `{action_type}`\n")
    assert found, f"docs/actions.md has no section on {action_type}"
    return rest.partition("\n## ")[0]


def test_an_action_type_is_one_file_one_schema_and_one_line() -> None:
    assert set(ACTION_TYPES) == set(schemas().carried_out)
    files = {path.stem.replace("_", "-") for path in (ROOT / "fulfillment" / "actions").glob("*.py")}
    assert set(ACTION_TYPES) <= files


@pytest.mark.parametrize("action_type", schemas().action_types)
def test_the_page_of_actions_has_the_members_of_every_config(action_type: str) -> None:
    expected = table_of(action_type)
    assert expected in section_of(action_type), f"docs/actions.md should hold this table:\n{expected}"


@pytest.mark.parametrize("action_type", schemas().action_types)
def test_the_page_of_actions_says_of_each_type_whether_it_is_carried_out(action_type: str) -> None:
    is_performed = action_type in ACTION_TYPES
    assert ("### Unknown outcome" in section_of(action_type)) == is_performed
    assert ("Not carried out by this version" in section_of(action_type)) != is_performed


@pytest.mark.parametrize("action_type", schemas().action_types)
def test_the_page_of_actions_tells_the_results(action_type: str) -> None:
    members = schemas().result_members(action_type) or ()
    told = f"`{{{', '.join(members)}}}`" if members else "No result for `outputs`"
    assert told in section_of(action_type)


def test_the_page_of_actions_names_what_is_refused() -> None:
    refused = {
        member
        for action_type in ACTION_TYPES
        for member in schemas().linked[f"actions/{action_type}.json"]["properties"]
        if not is_carried_out(action_type, member)
    }
    beginning = read("docs/actions.md").partition("\n## ")[0]
    assert [member for member in ("when", "rollback", *refused) if f"`{member}`" not in beginning] == []


# --- every page: what it names exists


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))
    dead = [t for t in targets if not t.startswith(("http://", "https://")) and not (page.parent / t).exists()]
    assert not dead


@pytest.mark.parametrize("page", BY_HAND, ids=named)
def test_paths_of_the_repository_exist(page: Path) -> None:
    tops = {path.name for path in ROOT.iterdir() if path.is_dir()}
    spoken = set(re.findall(r"`([\w.-]+/[\w./-]*)`", page.read_text(encoding="utf-8"))) - {SCHEMA_VERSION}
    missing = [path for path in spoken if path.split("/")[0] in tops and not (ROOT / path).exists()]
    assert not missing


@pytest.mark.parametrize("page", BY_HAND, ids=named)
def test_commands_are_verbs_of_the_door(page: Path) -> None:
    said = set(re.findall(r"\./dev ([a-z]+)", page.read_text(encoding="utf-8")))
    assert said <= set(VERBS)


def test_the_readme_lists_every_verb_of_the_door() -> None:
    listed = re.findall(r"^\| `([a-z]+)` \|", read("README.md"), re.MULTILINE)
    assert listed == list(VERBS)


def test_the_readme_and_ci_run_the_same() -> None:
    in_ci = re.findall(r"^\./dev [a-z]+$", read(".ci/run"), re.MULTILINE)
    assert in_ci
    assert all(f"`{command}`" in read("README.md") for command in in_ci)


@pytest.mark.parametrize("page", BY_HAND, ids=named)
def test_settings_are_settings(page: Path) -> None:
    said = set(re.findall(r"\bPAO_[A-Z_]*[A-Z_]\b", page.read_text(encoding="utf-8")))
    known = {row.name for row in env.table} | READ_ELSEWHERE
    groups = [name for name in known if "<NAME>" in name]  # settings of what has a name; cut off there, or with one
    named_ones = re.compile("|".join(name.replace("<NAME>", "[A-Z_]+") for name in groups))
    unknown = {name for name in said - known if not name.startswith(OF_SECRETS) and not named_ones.fullmatch(name)}
    assert {name for name in unknown if not any(group.startswith(f"{name}<") for group in groups)} == set()


@pytest.mark.parametrize("page", BY_HAND, ids=named)
def test_no_page_names_a_folder_of_somebodys_machine(page: Path) -> None:
    assert not re.search(r"(?<![\w.])/(work|root|home|tmp)/", page.read_text(encoding="utf-8"))


# --- docs/operations.md: no code without what to do


def task_codes() -> set[str]:
    """Return every code with which a task may stop: of reasons, of failures, and finer ones given where raised."""
    failures: list[type[PaoError]] = [ActionFailed, *ActionFailed.__subclasses__(), SecretUnavailable, TemplateError]
    codes = {value.code for value in vars(reasons).values() if isinstance(value, reasons.Reason)}
    codes |= {value for value in vars(reasons).values() if isinstance(value, str) and re.fullmatch(r"[A-Z_]+", value)}
    codes |= set(codes_of_reasons(ast.parse(Path(reasons.__file__).read_text(encoding="utf-8"))))
    codes |= {failure.code for failure in failures} | GIVEN_BY_NAME
    for source in (path for top in ("fulfillment", "pao/clients") for path in (ROOT / top).rglob("*.py")):
        codes |= set(codes_given(ast.parse(source.read_text(encoding="utf-8"))))
    return codes


def codes_of_reasons(tree: ast.Module) -> Iterator[str]:
    """Yield the codes of the reasons that a module makes."""
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        match call:
            case ast.Call(func=ast.Name(id="Reason"), args=[ast.Constant(value=str(code)), *_]):
                yield code


def codes_given(tree: ast.Module) -> Iterator[str]:
    """Yield what the calls of a module give as `code=`."""
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        for keyword in call.keywords:
            match keyword:
                case ast.keyword(arg="code", value=ast.Constant(value=str(code))):
                    yield code


@pytest.mark.parametrize("code", sorted(task_codes()))
def test_operators_are_told_what_a_code_asks_of_them(code: str) -> None:
    assert f"`{code}`" in read("docs/operations.md")


@pytest.mark.parametrize("state", [*states.RequestState, *states.TaskState])
def test_operators_are_told_what_a_state_asks_of_them(state: str) -> None:
    assert f"`{state}`" in read("docs/operations.md")


def test_operators_read_of_codes_that_exist() -> None:
    said = set(re.findall(r"^\| ((?:`[A-Z_]+`(?:, )?)+) \|", read("docs/operations.md"), re.MULTILINE))
    listed = {code for row in said for code in re.findall(r"[A-Z_]+", row)}
    assert listed <= task_codes() | {row.code for row in error_codes()}


def test_the_failpoints_are_named_after_their_process() -> None:
    processes = {name.partition(".")[0] for name in NAMES}
    assert all(f"`{process}`" in read("CONTRIBUTING.md") for process in processes)
