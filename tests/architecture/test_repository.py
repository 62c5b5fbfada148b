"""The repository as a whole: import contracts, sizes, folders, sleeps, and what no file may name."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from catalog.domain.schemas import schemas
from devtools.parts import ROOT
from fulfillment.actions.registry import ACTION_TYPES
from tests.architecture.sources import PRODUCT, calls, constants, modules, named, tracked, tree_of

LONGEST_MODULE = 400

# Product code that waits, and why it may.
SLEEPS = {
    "catalog/api/refresh.py": "an operator asked to wait for the report, for half a minute at most",
    "catalog/management/commands/sync_catalog.py": "as above, at the shell, for as long as was said",
    "catalog/worker.py": "a sync that came by no message runs; the next one has its turn after it",
    "fulfillment/actions/rest_api.py": "the document asks for `retry`: pauses between calls, within the attempt",
    "fulfillment/reconcile.py": "JIRA's index lags: the marker is searched for again",
    "fulfillment/storing.py": "the database is away while an answer waits to be recorded (F52)",
    "pao/clients/github_connection.py": "GitHub limits the rate, and the attempt lasts longer than it says",
    "pao/clients/jira_connection.py": "JIRA limits the rate, and says for how long",
    "pao/failpoints.py": "the fault harness delays on purpose",
}

# Written in parts, so that this file does not name what it forbids.
FORBIDDEN = {
    "a folder of a machine": re.compile(rb"(?<![\w.:/-])/(?:wo" + rb"rk|ro" + rb"ot|ho" + rb"me/\w)(?:/|\b)(?!\.\w)"),
    "a tool of a workplace": re.compile(rb"\bfa" + rb"rm-[a-z]"),
    "a host of a package registry": re.compile(
        rb"--(?:extra-)?index" + rb"-url|--find" + rb"-links|py" + rb"pi\.org|pythonhosted" + rb"\.org"
    ),
}
# Outside contracts are kept as they were published.
AS_PUBLISHED = ("tests/contract/jira/",)


def test_imports_point_down() -> None:
    command = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_every_folder_of_tests_is_a_package() -> None:
    folders = {path.parent for path in tracked() if path.suffix == ".py" and path.is_relative_to(ROOT / "tests")}
    assert sorted(named(folder) for folder in folders if not (folder / "__init__.py").exists()) == []


def test_every_package_of_the_product_has_tests_at_its_place() -> None:
    packages = {path.parent for path in modules(*PRODUCT) if path.name != "__init__.py"}
    no_mirror = {
        named(package)
        for package in packages
        if not (ROOT / "tests" / package.relative_to(ROOT)).is_dir()
        and not (ROOT / "tests" / package.relative_to(ROOT)).with_name(f"test_{package.name}.py").is_file()
        and "commands" not in package.parts
    }
    # served and looked at in tests/requests_app/test_pages.py and tests/requests_app/test_admin.py
    assert no_mirror <= {"requests_app/pages", "requests_app/templatetags"}


@pytest.mark.parametrize("path", modules(*PRODUCT, "devtools"), ids=named)
def test_a_module_can_be_read_in_one_sitting(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_MODULE


def test_product_code_does_not_sleep_but_where_listed() -> None:
    sleeping = {
        named(path)
        for path in modules(*PRODUCT)
        for node in ast.walk(tree_of(path))
        if (isinstance(node, ast.Attribute) and ast.unparse(node) in {"time.sleep", "asyncio.sleep", "gevent.sleep"})
        or (isinstance(node, ast.ImportFrom) and any(alias.name == "sleep" for alias in node.names))
    }
    assert sleeping == set(SLEEPS)


def everywhere(tree: ast.AST) -> Iterator[str]:
    """Yield what in a tree is the address of every interface: such a text, or an empty host where a server starts."""
    hosts = {"0.0.0.0", "::", "[::]"}  # noqa: S104 - looked for, not bound
    for text in constants(tree):
        if text in hosts or text.rpartition(":")[0] in hosts:
            yield text
    for call in calls(tree):
        name = str(getattr(call.func, "attr", "") or getattr(call.func, "id", ""))
        if name in {"bind", "create_server"} or name.endswith("Server"):
            first = [given.elts[0] for given in call.args if isinstance(given, ast.Tuple) and given.elts]
            if any(isinstance(host, ast.Constant) and not host.value for host in first):
                yield ast.unparse(call)


@pytest.mark.parametrize("path", modules("devtools"), ids=named)
def test_nothing_for_development_listens_beyond_this_machine(path: Path) -> None:
    assert list(everywhere(tree_of(path))) == []


@pytest.mark.parametrize(
    "code",
    ["serve('0.0.0.0')", "bind='0.0.0.0:80'", "serve('::')", "s.bind(('', 80))", "ThreadingHTTPServer(('', 80), H)"],
)
def test_the_guard_sees_what_listens_everywhere(code: str) -> None:
    assert list(everywhere(ast.parse(code)))


@pytest.mark.parametrize("what", sorted(FORBIDDEN))
def test_no_file_names(what: str) -> None:
    found = [
        f"{named(path)}:{number}"
        for path in tracked()
        if not named(path).startswith(AS_PUBLISHED)
        for number, line in enumerate(path.read_bytes().splitlines(), start=1)
        if FORBIDDEN[what].search(line)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("line", "what"),
    [
        (b"/wo" + b"rk/main/.pao", "a folder of a machine"),
        (b'"/ro' + b'ot"', "a folder of a machine"),
        (b"see fa" + b"rm-tool", "a tool of a workplace"),
        (b"pip --extra-index" + b"-url https://example.com", "a host of a package registry"),
    ],
)
def test_the_guard_sees_what_no_file_names(line: bytes, what: str) -> None:
    assert FORBIDDEN[what].search(line)


@pytest.mark.parametrize("action_type", sorted(ACTION_TYPES))
def test_an_action_type_has_a_module_a_schema_and_tests(action_type: str) -> None:
    name = action_type.replace("-", "_")
    assert (ROOT / "fulfillment" / "actions" / f"{name}.py").is_file()
    assert (ROOT / "catalog" / "schema" / "actions" / f"{action_type}.json").is_file()
    assert (ROOT / "tests" / "fulfillment" / "actions" / f"test_{name}.py").is_file()
    assert type(ACTION_TYPES[action_type]).__module__ == f"fulfillment.actions.{name}"


def test_every_schema_of_an_action_says_truly_whether_it_is_carried_out() -> None:
    assert set(schemas().carried_out) == set(ACTION_TYPES)


def test_the_generated_pages_are_what_the_code_says() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "devtools.docs", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
