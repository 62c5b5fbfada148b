"""The statements that every task makes, their text built once: look rows up by a key, insert some, change columns.

Django builds a statement's text anew for each use, which costs a worker up to ten times what it costs to send it
(docs/performance.md). Here Django builds it once, or it is put together from the model's columns; values still pass
through the fields, and everything runs on Django's connection, in its transaction, with its errors. No signals are
sent: nothing listens to them.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, DatabaseError, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import AutoField, Model, QuerySet
from django.db.models import query as django_query
from django.db.models.sql.subqueries import UpdateQuery

Row = TypeVar("Row", bound=Model)
_KEY = object()
_populators: Any = django_query.get_related_populators  # whose published stub is of another release
_gathering: ContextVar[list[Model] | None] = ContextVar("gathering", default=None)


class Lookup(Generic[Row]):
    """A query set that depends on one key: built and compiled at its first use, then only sent."""

    def __init__(self, build: Callable[[Any], QuerySet[Row]]) -> None:
        """`build` returns the query set for a key, which must be all that varies in it; some need none."""
        self._build = build
        self._compiled: _Compiled[Row] | None = None

    def __call__(self, key: UUID | None = None) -> list[Row]:
        """Return the rows for this key, complete with what the query set selects beside them."""
        compiled = self._compiled
        if compiled is None:
            compiled = self._compiled = _Compiled(self._build(key), key)
        with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
            cursor.execute(compiled.text, [key if value is _KEY else value for value in compiled.values])
            found = cursor.fetchall()
        return [compiled.row(values) for values in found]


class _Compiled(Generic[Row]):
    """A statement, and how its columns become rows; nothing in it changes any more, so threads may share it."""

    def __init__(self, query_set: QuerySet[Row], key: UUID | None) -> None:
        compiler: Any = query_set.query.get_compiler(connection=connection)
        self.text, values = compiler.as_sql()
        self.values: list[Any] = [_KEY if value == key else value for value in values]
        places = compiler.klass_info["select_fields"]
        self._first, self._last = places[0], places[-1] + 1
        self._model: Any = compiler.klass_info["model"]
        self._names = [column[0].target.attname for column in compiler.select[self._first : self._last]]
        self._others = _populators(compiler.klass_info, compiler.select, DEFAULT_DB_ALIAS)
        found = compiler.get_converters([column[0] for column in compiler.select[: compiler.col_count]])
        self._converters = [(place, call, column) for place, (calls, column) in found.items() for call in calls]

    def row(self, found: Sequence[Any]) -> Row:
        """Return one row out of the columns that were found, with what is selected beside it."""
        values = list(found)
        for place, convert, column in self._converters:
            values[place] = convert(values[place], column, connection)
        row: Row = self._model.from_db(DEFAULT_DB_ALIAS, self._names, values[self._first : self._last])
        for other in self._others:
            other.populate(values, row)
        return row


@contextmanager
def gathered() -> Iterator[None]:
    """Insert what `add` is given in this block all at once, by one statement, when the block ends without an error.

    Within another such block, when that one ends.
    """
    outer = _gathering.get()
    rows: list[Model] = []
    token = _gathering.set(rows)
    try:
        yield
    finally:
        _gathering.reset(token)
    if outer is None:
        insert(*rows)
    else:
        outer.extend(rows)


def add(row: Model) -> None:
    """Insert a row now or, within `gathered`, with the others: for what nobody reads in the same transaction."""
    rows = _gathering.get()
    if rows is None:
        insert(row)
    else:
        rows.append(row)


def insert(*rows: Model) -> None:
    """Insert rows, of any models, by one statement, in order for each model; keys made by the database stay unknown."""
    if not rows:
        return
    here = connections[DEFAULT_DB_ALIAS]
    parts, values = [], []
    for model in dict.fromkeys(type(row) for row in rows):
        text, given = _insertion(model, [row for row in rows if type(row) is model], here)
        parts.append(text)
        values += given
    before = ", ".join(f"part{number} AS ({part})" for number, part in enumerate(parts[:-1]))
    with here.cursor() as cursor:
        cursor.execute(f"WITH {before} {parts[-1]}" if before else parts[-1], values)
    for row in rows:
        row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS  # noqa: SLF001 - as Django's own insert does


def change(row: Model, *names: str) -> None:
    """Store these columns of a row; raises DatabaseError when the table has it no longer."""
    model, here = type(row), connections[DEFAULT_DB_ALIAS]
    places = [_place(row, field, here, adding=False) for field in _fields(model, names)]
    with here.cursor() as cursor:
        text = _update(model, names, tuple(place for place, _ in places))
        cursor.execute(text, [*(value for _, given in places for value in given), row.pk])
        if cursor.rowcount != 1:
            raise DatabaseError(f"{row} is no longer in the table, so nothing of it was stored.")


@cache
def _fields(model: type[Model], names: tuple[str, ...]) -> list[Any]:
    return [model._meta.get_field(name) for name in names]  # noqa: SLF001 - Django's documented name


@cache
def _update(model: type[Model], names: tuple[str, ...], places: tuple[str, ...]) -> str:
    columns = [f'"{field.column}" = {place}' for field, place in zip(_fields(model, names), places, strict=True)]
    key = model._meta.pk  # noqa: SLF001 - as above
    return f'UPDATE "{model._meta.db_table}" SET {", ".join(columns)} WHERE "{key.column}" = %s'  # noqa: S608, SLF001 - names of columns alone


@cache
def _insertable(model: type[Model]) -> tuple[list[Any], str]:
    """Return the fields that a new row is given, and the beginning of the statement that inserts it."""
    fields: list[Any] = [field for field in model._meta.concrete_fields if not isinstance(field, AutoField)]  # noqa: SLF001 - as above
    columns = ", ".join(f'"{field.column}"' for field in fields)
    return fields, f'INSERT INTO "{model._meta.db_table}" ({columns}) VALUES '  # noqa: S608, SLF001 - as above


def _insertion(model: type[Model], rows: Iterable[Model], here: BaseDatabaseWrapper) -> tuple[str, list[Any]]:
    fields, beginning = _insertable(model)
    tuples, values = [], []
    for row in rows:
        places = [_place(row, field, here, adding=True) for field in fields]
        tuples.append(f"({', '.join([place for place, _ in places])})")
        values += [value for _, given in places for value in given]
    return beginning + ", ".join(tuples), values


def _place(row: Model, field: Any, here: BaseDatabaseWrapper, *, adding: bool) -> tuple[str, Sequence[Any]]:
    """Return what stands for a value in the text, and what is sent for it: an expression is compiled."""
    value = field.pre_save(row, adding)
    if not hasattr(value, "resolve_expression"):
        return "%s", (field.get_db_prep_save(value, here),)
    query = UpdateQuery(type(row))
    compiler = query.get_compiler(connection=here)
    text, values = compiler.compile(value.resolve_expression(query, allow_joins=False, for_save=True))
    return text, tuple(values)
