"""A migration only expands the schema, so that old and new code may run on it at once (F64; operations, upgrades).

What a release needs no more goes with the next one: by then no process is left that reads or writes it. A new column
is empty, or filled by the database itself, for old code inserts rows without naming it.
"""

from collections.abc import Iterator

import pytest
from django.db import migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models.fields import NOT_PROVIDED

OURS = {"api", "audit", "catalog", "fulfillment", "queueops", "requests"}
# Written before this rule, and deployed at a standstill.
BEFORE_THE_RULE = {
    "catalog.0002_generations",
    "catalog.0003_queued_syncs",
    "catalog.0005_category_owners",
    "queueops.0003_dead_letters_are_decided_on",
    "requests.0003_verbs_of_people",
}
TAKES_AWAY = (
    migrations.RemoveField,
    migrations.DeleteModel,
    migrations.RenameField,
    migrations.RenameModel,
    migrations.AlterModelTable,
)


def problems_of(migration: migrations.Migration, state: ProjectState) -> Iterator[str]:
    """Yield what old code could not live with; `state` is that before the migration, and is moved on."""
    made: set[str] = set()
    for operation in migration.operations:
        if isinstance(operation, migrations.CreateModel):
            made.add(operation.name_lower)
        if getattr(operation, "model_name_lower", "") not in made:
            yield from (f"{migration}: {problem}" for problem in _problems(operation, state, migration.app_label))
        operation.state_forwards(migration.app_label, state)


def _problems(operation: Operation, state: ProjectState, app: str) -> Iterator[str]:
    if isinstance(operation, TAKES_AWAY):
        yield f"{operation.describe()}: old code still uses it"
    if isinstance(operation, migrations.AddField) and not _is_filled_by_itself(operation.field):
        yield f"{operation.describe()}: old code does not fill it; make it null=True, or give it a db_default"
    if isinstance(operation, migrations.AlterField):
        before = state.models[app, operation.model_name_lower].fields[operation.name]
        yield from _narrowed(operation, before, operation.field)


def _is_filled_by_itself(field: models.Field) -> bool:  # type: ignore[type-arg] # of any kind
    return bool(field.null or field.many_to_many or field.db_default is not NOT_PROVIDED)


def _narrowed(
    operation: migrations.AlterField,
    before: models.Field,  # type: ignore[type-arg] # of any kind
    after: models.Field,  # type: ignore[type-arg] # of any kind
) -> Iterator[str]:
    if before.null and not after.null:
        yield f"{operation.describe()}: old code leaves it empty"
    if after.unique and not before.unique:
        yield f"{operation.describe()}: old code may write one value twice"
    if before.get_internal_type() != after.get_internal_type():
        yield f"{operation.describe()}: it becomes another type"
    if before.max_length and after.max_length and after.max_length < before.max_length:
        yield f"{operation.describe()}: old code writes longer values"


def test_migrations_only_expand_the_schema() -> None:
    """F64: while a release is rolled out, the code of the one before meets the new schema."""
    loader = MigrationLoader(None)
    found = []
    for app, name in loader.graph._generate_plan(loader.graph.leaf_nodes(), at_end=True):
        migration = loader.graph.nodes[app, name]
        if app in OURS and f"{app}.{name}" not in BEFORE_THE_RULE:
            state = loader.project_state((app, name), at_end=False)
            found += list(problems_of(migration, state))
    assert found == []


TABLE = migrations.CreateModel(
    "Thing", [("id", models.AutoField(primary_key=True)), ("name", models.CharField(max_length=9))]
)


@pytest.mark.parametrize(
    ("operation", "problems"),
    [
        (migrations.RemoveField("thing", "name"), 1),
        (migrations.RenameField("thing", "name", "title"), 1),
        (migrations.RenameModel("Thing", "Item"), 1),
        (migrations.DeleteModel("Thing"), 1),
        (migrations.AddField("thing", "size", models.IntegerField(default=0)), 1),
        (migrations.AddField("thing", "size", models.IntegerField(default=0, db_default=0)), 0),
        (migrations.AddField("thing", "size", models.IntegerField(null=True)), 0),
        (migrations.AlterField("thing", "name", models.CharField(max_length=5)), 1),
        (migrations.AlterField("thing", "name", models.CharField(max_length=9, unique=True)), 1),
        (migrations.AlterField("thing", "name", models.IntegerField()), 1),
        (migrations.AlterField("thing", "name", models.CharField(max_length=20, null=True)), 0),
    ],
)
def test_what_old_code_could_not_live_with_is_found(operation: Operation, problems: int) -> None:
    state = ProjectState()
    TABLE.state_forwards("requests", state)
    migration = migrations.Migration("0002_later", "requests")
    migration.operations = [operation]  # type: ignore[misc] # a class variable in the stubs
    assert len(list(problems_of(migration, state))) == problems
