"""The statements that every task makes, their text built once: look rows up by a key, insert some, change columns.

Django builds a statement's text anew for each use, which costs a worker up to ten times what it costs to send it
(docs/performance.md). Here Django builds it once, or it is put together from the model's columns; values still pass
through the fields, and everything runs on Django's connection, in its transaction, with its errors. No signals are
sent: nothing listens to them.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, DatabaseError, connection
from django.db.models import AutoField, Field, Model, QuerySet
from django.db.models import query as django_query
from django.db.models.sql.subqueries import UpdateQuery

Row = TypeVar("Row", bound=Model)
_KEY = object()
_populators: Any = django_query.get_related_populators  # whose published stub is of another release
_gathering: ContextVar[list[Model] | None] = ContextVar("gathering", default=None)


class Lookup(Generic[Row]):
    """A query set that depends on one key: built and compiled at its first use, then only sent."""

    def __init__(self, build: Callable[[UUID], QuerySet[Row]]) -> None:
        """`build` returns the query set for a key, which must be all that varies in it."""
        self._build = build
        self._text = ""
        self._values: Sequence[Any] = ()
        self._compiler: Any = None

    def __call__(self, key: UUID) -> list[Row]:
        """Return the rows for this key, complete with what the query set selects beside them."""
        if not self._text:
            self._compile(key)
        with connection.cursor() as cursor:
            cursor.execute(self._text, [key if value is _KEY else value for value in self._values])
            found = cursor.fetchall()
        return list(self._made(found)) if found else []

    def _compile(self, key: UUID) -> None:
        compiler = self._build(key).query.get_compiler(connection=connection)
        text, values = compiler.as_sql()
        self._compiler, self._values = compiler, [_KEY if value == key else value for value in values]
        self._text = text

    def _made(self, found: Sequence[Sequence[Any]]) -> Iterator[Row]:
        compiler = self._compiler
        places = compiler.klass_info["select_fields"]
        first, last = places[0], places[-1] + 1
        names = [column[0].target.attname for column in compiler.select[first:last]]
        others = _populators(compiler.klass_info, compiler.select, DEFAULT_DB_ALIAS)
        for values in compiler.results_iter([found]):
            row = compiler.klass_info["model"].from_db(DEFAULT_DB_ALIAS, names, values[first:last])
            for other in others:
                other.populate(values, row)
            yield row


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
    parts, values = [], []
    for model in dict.fromkeys(type(row) for row in rows):
        text, given = _insertion(model, [row for row in rows if type(row) is model])
        parts.append(text)
        values += given
    before = ", ".join(f"part{number} AS ({part})" for number, part in enumerate(parts[:-1]))
    with connection.cursor() as cursor:
        cursor.execute(f"WITH {before} {parts[-1]}" if before else parts[-1], values)
    for row in rows:
        row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS  # noqa: SLF001 - as Django's own insert does


def change(row: Model, *names: str) -> None:
    """Store these columns of a row; raises DatabaseError when the table has it no longer."""
    model = type(row)
    texts: list[str] = []
    values: list[Any] = []
    for name in names:
        field: Any = model._meta.get_field(name)  # noqa: SLF001 - Django's documented name
        place, given = _place(row, field, adding=False)
        texts.append(f'"{field.column}" = {place}')
        values += given
    key = model._meta.pk  # noqa: SLF001 - as above
    text = f'UPDATE "{model._meta.db_table}" SET {", ".join(texts)} WHERE "{key.column}" = %s'  # noqa: S608, SLF001 - names of columns alone
    with connection.cursor() as cursor:
        cursor.execute(text, [*values, row.pk])
        if cursor.rowcount != 1:
            raise DatabaseError(f"{row} is no longer in the table, so nothing of it was stored.")


def _insertion(model: type[Model], rows: Iterable[Model]) -> tuple[str, list[Any]]:
    fields = [field for field in model._meta.concrete_fields if not isinstance(field, AutoField)]  # noqa: SLF001 - Django's documented name
    tuples, values = [], []
    for row in rows:
        places = [_place(row, field, adding=True) for field in fields]
        tuples.append(f"({', '.join(place for place, _ in places)})")
        values += [value for _, given in places for value in given]
    columns = ", ".join(f'"{field.column}"' for field in fields)
    return f'INSERT INTO "{model._meta.db_table}" ({columns}) VALUES {", ".join(tuples)}', values  # noqa: S608, SLF001 - as above


def _place(row: Model, field: "Field[Any, Any]", *, adding: bool) -> tuple[str, Sequence[Any]]:
    """Return what stands for a value in the text, and what is sent for it: an expression is compiled."""
    value = field.pre_save(row, adding)
    if not hasattr(value, "resolve_expression"):
        return "%s", [field.get_db_prep_save(value, connection)]
    query = UpdateQuery(type(row))
    compiler = query.get_compiler(connection=connection)
    text, values = compiler.compile(value.resolve_expression(query, allow_joins=False, for_save=True))
    return text, list(values)
