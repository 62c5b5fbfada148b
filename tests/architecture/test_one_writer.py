"""One module writes states: requests_app/transitions.py. Every way that Python and the ORM offer is looked for here."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.sources import PRODUCT, calls, constants, modules, named, tree_of

WRITER = "requests_app/transitions.py"
MODELS = {"ResourceRequest", "FulfillmentTask"}
WRITES = {"update", "create", "acreate", "aupdate", "get_or_create", "update_or_create"}
FIELD_LISTS = {"bulk_update", "abulk_update", "save", "asave", "change"}
# Names are computed for `setattr` here; the columns come from a fixed list in the same module.
COMPUTED = {"catalog/serving.py": "columns of a catalog entry, `_columns`"}
SQL = re.compile(r"\b(update|insert\s+into)\s+\"?requests_|\bset\s+\"?state\"?\s*=", re.IGNORECASE)


def writes_of(tree: ast.AST, *, ledger: bool = True) -> Iterator[str]:
    """Yield what in a tree writes a state; `ledger`: also what might, for its names are computed."""
    for node in ast.walk(tree):
        yield from _assigned(node)
    for call in calls(tree):
        yield from _called(call, ledger=ledger)
    yield from (f"SQL: {text.strip()[:60]}" for text in constants(tree) if SQL.search(text))


def _assigned(node: ast.AST) -> Iterator[str]:
    targets: list[ast.expr] = []
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, ast.AugAssign | ast.AnnAssign | ast.For | ast.NamedExpr):
        targets = [node.target]
    elif isinstance(node, ast.withitem) and node.optional_vars:
        targets = [node.optional_vars]
    for target in targets:
        for part in ast.walk(target):
            if isinstance(part, ast.Attribute) and part.attr == "state" and isinstance(part.ctx, ast.Store):
                yield f"line {part.lineno}: {ast.unparse(part)} = …"
            if _is_item_of_dict(part):
                yield f"line {part.lineno}: {ast.unparse(part)} = …"  # type: ignore[attr-defined] # a Subscript has one


def _is_item_of_dict(part: ast.AST) -> bool:
    return (
        isinstance(part, ast.Subscript)
        and isinstance(part.ctx, ast.Store)
        and isinstance(part.slice, ast.Constant)
        and part.slice.value == "state"
        and isinstance(part.value, ast.Attribute)
        and part.value.attr == "__dict__"
    )


def _called(call: ast.Call, *, ledger: bool) -> Iterator[str]:
    name = getattr(call.func, "attr", None) or getattr(call.func, "id", "")
    place = f"line {call.lineno}: {name}(…)"
    if name in WRITES | MODELS and "state" in _keywords(call):
        yield place
    if name in FIELD_LISTS and any("state" in constants(given) for given in _arguments(call)):
        yield place
    if name in {"setattr", "__setattr__"}:
        names = [given for given in call.args[:2] if isinstance(given, ast.Constant)]
        if any(given.value == "state" for given in names) or (ledger and not names):
            yield place


def _keywords(call: ast.Call) -> set[str]:
    """Return the names a call gives, also those of a literal `**{"state": …}` and of `defaults={"state": …}`."""
    found = {keyword.arg for keyword in call.keywords if keyword.arg}
    for given in _arguments(call):
        if isinstance(given, ast.Dict):
            found |= {key.value for key in given.keys if isinstance(key, ast.Constant) and isinstance(key.value, str)}
        if isinstance(given, ast.Call) and getattr(given.func, "id", "") == "dict":
            found |= _keywords(given)
    return found


def _arguments(call: ast.Call) -> list[ast.expr]:
    return [*call.args, *(keyword.value for keyword in call.keywords)]


@pytest.mark.parametrize("path", modules(*PRODUCT, "devtools"), ids=named)
def test_nothing_else_writes_a_state(path: Path) -> None:
    if named(path) == WRITER:
        return
    ledger = named(path) not in COMPUTED and named(path).startswith(("requests_app/", "fulfillment/", "catalog/"))
    assert list(writes_of(tree_of(path), ledger=ledger)) == []


def test_the_writer_writes() -> None:
    writer = next(path for path in modules("requests_app") if named(path) == WRITER)
    assert len(list(writes_of(tree_of(writer)))) >= 3


@pytest.mark.parametrize(
    "code",
    [
        "task.state = 'failed'",
        "task.state: str = 'failed'",
        "task.state += 'x'",
        "a, task.state = 1, 2",
        "[a, *task.state] = 1, 2",
        "for task.state in states: pass",
        "with opened as task.state: pass",
        "task.__dict__['state'] = 'failed'",
        "setattr(task, 'state', 'failed')",
        "object.__setattr__(task, 'state', 'failed')",
        "setattr(task, name, value)",
        "tasks.update(state='failed')",
        "tasks.filter(pk=1).update(**{'state': 'failed'})",
        "tasks.update(**dict(state='failed'))",
        "await tasks.aupdate(state='failed')",
        "FulfillmentTask(state='failed')",
        "models.ResourceRequest(state='failed')",
        "ResourceRequest.objects.create(state='failed')",
        "objects.update_or_create(pk=1, defaults={'state': 'failed'})",
        "task.save(update_fields=['state'])",
        "rows.change(task, 'state')",
        "objects.bulk_update(tasks, ['state'])",
        "objects.bulk_update(tasks, fields=('attempt', 'state'))",
        "cursor.execute('UPDATE requests_fulfillmenttask SET attempt = 2')",
        "cursor.execute('update x set state = 1')",
    ],
)
def test_the_guard_sees(code: str) -> None:
    assert list(writes_of(ast.parse(code)))


@pytest.mark.parametrize(
    "code",
    [
        "before = task.state",
        "state = task.state",
        "task.state_reason = {}",
        "tasks.filter(state='failed')",
        "tasks.exclude(state='failed').update(attempt=2)",
        "if task.state == 'failed': pass",
        "models.Q(state='failed')",
        "raise InvalidTransition('no', state=request.state)",
        "task.save(update_fields=['attempt'])",
        "setattr(task, 'attempt', 2)",
        "row['state'] = task.state",
    ],
)
def test_the_guard_lets_pass(code: str) -> None:
    assert list(writes_of(ast.parse(code))) == []
