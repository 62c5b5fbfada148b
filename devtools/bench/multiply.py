"""Many requests out of a few real ones: their rows are copied inside the database, each copy a little older.

A copy differs from its original in ids and moments, in who asked for it, and, for one of seven, in having failed.
Columns are found in the database, so a new one is copied too.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import psycopg
from psycopg import sql

HISTORY_DAYS = 90
LETTERS_PER_REQUEST = 0.1
OPEN_LETTERS = 20
AT_ONCE = 1_000  # copies of every original
_LIVE = "n <= 6"  # the newest: their tasks wait in the queue
_FAILED = "n %% 7 = 1"
_ANOTHERS = "n %% 10 <> 0"  # of ten requests one is by the very person who made the originals
_REASON = """'{{"code": "CALL_REFUSED", "sentence": "JIRA refused the ticket.", "next_step": "Retry."}}'::jsonb"""

# What a column of a copy holds, where that is not what the original has there: `n` is the number of the copy.
_COLUMNS: Mapping[str, Mapping[str, str]] = {
    "requests_resourcerequest": {
        "id": "bench_id(id, n, apart)",
        "correlation_id": "bench_text(correlation_id, n, apart)",
        "name": "name || '-' || n",
        "requester": f"CASE WHEN {_ANOTHERS} THEN 'person-' || n %% 5000 ELSE requester END",
        "requester_teams": (
            f"CASE WHEN {_ANOTHERS} THEN jsonb_build_array('team-' || n %% 200) ELSE requester_teams END"
        ),
        "owner_team": f"CASE WHEN {_ANOTHERS} THEN 'owners-' || n %% 50 ELSE owner_team END",
        "state": f"CASE WHEN {_LIVE} THEN 'processing' WHEN {_FAILED} THEN 'failed' ELSE state END",
        "state_reason": f"CASE WHEN {_FAILED} THEN {_REASON} ELSE state_reason END",
    },
    "requests_fulfillmenttask": {
        "id": "bench_id(id, n, apart)",
        "resource_request_id": "bench_id(resource_request_id, n, apart)",
        "state": f"CASE WHEN {_LIVE} THEN 'queued' WHEN {_FAILED} AND sequence_index = 0 THEN 'failed' ELSE state END",
        "state_reason": f"CASE WHEN {_FAILED} AND sequence_index = 0 THEN {_REASON} ELSE state_reason END",
        "references": "jsonb_set(\"references\", '{{0,key}}', to_jsonb('BENCH-' || n || '-' || sequence_index))",
    },
    "requests_logline": {
        "resource_request_id": "bench_id(resource_request_id, n, apart)",
        "task_id": "bench_id(task_id, n, apart)",
    },
    "fulfillment_taskattempt": {"id": "bench_id(id, n, apart)", "task_id": "bench_id(task_id, n, apart)"},
    "fulfillment_effect": {"id": "bench_id(id, n, apart)", "task_id": "bench_id(task_id, n, apart)"},
    "audit_auditevent": {
        "id": "bench_id(id, n, apart)",
        "subject_id": "bench_text(subject_id, n, apart)",
        "request_id": "bench_id(request_id, n, apart)",
        "correlation_id": "bench_text(correlation_id, n, apart)",
    },
    "queueops_outboxmessage": {
        "id": "bench_id(id, n, apart)",
        "args": "jsonb_set(args, '{{0}}', to_jsonb(bench_text(args ->> 0, n, apart)))",
        "group_id": "bench_text(group_id, n, apart)",
        "deduplication_id": "bench_text(deduplication_id, n, apart)",
        "correlation_id": "bench_text(correlation_id, n, apart)",
    },
}
_OWN_KEY = {"requests_logline": "id"}  # numbered by the database
_WHICH: Mapping[str, str] = {
    "requests_resourcerequest": "id = ANY(%(originals)s)",
    "requests_fulfillmenttask": "resource_request_id = ANY(%(originals)s)",
    "requests_logline": "resource_request_id = ANY(%(originals)s)",
    "fulfillment_taskattempt": "task_id = ANY(%(tasks)s)",
    "fulfillment_effect": "task_id = ANY(%(tasks)s)",
    "audit_auditevent": "request_id = ANY(%(originals)s)",
    "queueops_outboxmessage": "left(group_id, 36)::uuid = ANY(%(originals)s)",
}
_FUNCTIONS = """
    CREATE OR REPLACE FUNCTION bench_id(old uuid, n bigint, apart bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
        SELECT (lpad(to_hex(('x' || left(replace(old::text, '-', ''), 12))::bit(48)::bigint - n * apart), 12, '0')
            || '7' || left(hash, 3) || '8' || substr(hash, 4, 15))::uuid FROM md5(old::text || n) AS hash
    $$;
    CREATE OR REPLACE FUNCTION bench_text(old text, n bigint, apart bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
        SELECT CASE WHEN old ~ '^[0-9a-f-]{36}' THEN bench_id(left(old, 36)::uuid, n, apart) || substr(old, 37)
            ELSE old END
    $$;
"""
_LETTERS = """
    INSERT INTO queueops_deadletter (id, tenant, created_at, message_id, group_id, deduplication_id, job, args, body,
        receives, cause, explanation, next_step, sent_at, status, redrives, decided_by, decided_at, decision_reason)
    SELECT bench_id(gen_random_uuid(), 0, 0), tenant, sent_at, gen_random_uuid()::text, group_id, deduplication_id, job,
        args, '{}', 3, 'WORKER_LOST', 'Workers are lost with it.', 'Redrive it.', sent_at, 'discarded', 0, 'olga',
        sent_at, 'measured'
    FROM queueops_outboxmessage WHERE sent_at IS NOT NULL ORDER BY md5(id::text) LIMIT %s
"""
_OPEN = """
    UPDATE queueops_deadletter SET status = 'open', decided_by = '', decided_at = NULL, decision_reason = ''
    WHERE id IN (SELECT id FROM queueops_deadletter ORDER BY id LIMIT %s)
"""


def multiply(superuser_url: str, wanted: int) -> None:
    """Fill the tables until they hold about `wanted` requests, made from those that are completed and no copies.

    May be called again for more; letters and live tasks come with the first call, and the letters grow with the rest.
    """
    with psycopg.connect(superuser_url, autocommit=True) as connection:
        connection.execute(_FUNCTIONS)
        connection.execute("SET synchronous_commit = off; SET session_replication_role = replica")  # no foreign keys
        originals = _ids(connection, "SELECT id FROM requests_resourcerequest WHERE name NOT LIKE 'bench-%-%'")
        tasks = _ids(
            connection, "SELECT id FROM requests_fulfillmenttask WHERE resource_request_id = ANY(%s)", originals
        )
        have = _number(connection, "SELECT count(*) FROM requests_resourcerequest")
        first, last = have // len(originals), wanted // len(originals) - 1
        which = {
            "originals": originals,
            "tasks": tasks,
            "apart": HISTORY_DAYS * 86_400_000 * len(originals) // 1_000_000,
        }
        texts = [_copying(connection, table) for table in _COLUMNS]
        with _without_indexes(connection):
            for end in range(last, first - 1, -AT_ONCE):  # the oldest first, as time would have brought them
                for text in texts:
                    connection.execute(text, {**which, "first": max(first, end - AT_ONCE + 1), "last": end})
        connection.execute(_LETTERS, [int((wanted - have) * LETTERS_PER_REQUEST)])
        if first <= 1:
            connection.execute(_OPEN, [OPEN_LETTERS])
        connection.execute("VACUUM (ANALYZE)")


@contextmanager
def _without_indexes(connection: "psycopg.Connection[tuple[object, ...]]") -> Iterator[None]:
    """Take away the indexes that no constraint needs, and make them again afterwards: quicker for many rows."""
    found = connection.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename = ANY(%s) "
        "AND NOT EXISTS (SELECT FROM pg_constraint WHERE conname = indexname)",
        [[*_COLUMNS]],
    ).fetchall()
    for name, _ in found:
        connection.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(str(name))))
    yield
    for _, definition in found:
        connection.execute(str(definition).encode())


def _copying(connection: "psycopg.Connection[tuple[object, ...]]", table: str) -> bytes:
    found = connection.execute(
        "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = %s", [table]
    ).fetchall()
    columns = {str(name): str(kind) for name, kind in found if name != _OWN_KEY.get(table)}
    moments = {
        name: f"\"{name}\" - n * apart * interval '1 ms'"
        for name, kind in columns.items()
        if kind == "timestamp with time zone"
    }
    values = {name: f'"{name}"' for name in columns} | moments | dict(_COLUMNS[table])
    text = sql.SQL(
        f"INSERT INTO {{table}} ({{columns}}) SELECT {', '.join(values[name] for name in columns)} "  # noqa: S608 - our own names
        f"FROM {{table}}, generate_series(%(first)s::bigint, %(last)s::bigint) n, (SELECT %(apart)s::bigint) s(apart) "
        f"WHERE {_WHICH[table]}"
    )
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    return text.format(table=sql.Identifier(table), columns=names).as_bytes(connection)


def _ids(connection: "psycopg.Connection[tuple[object, ...]]", query: str, *values: object) -> list[object]:
    return [row[0] for row in connection.execute(query.encode(), values or None)]


def _number(connection: "psycopg.Connection[tuple[object, ...]]", query: str) -> int:
    row = connection.execute(query.encode()).fetchone()
    return int(str(row[0])) if row else 0
