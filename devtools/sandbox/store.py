"""What the sandbox remembers, in one SQLite file: tickets, links, databases and the ledger of every effect.

An effect and its ledger line are one transaction, so the ledger is what really happened, also after a kill.
"""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devtools.sandbox.web import Json, Origin
from pao.core import clock

MARKER_PREFIX = "pao-task-"  # rule R6 of the fault matrix
SCHEMA = Path(__file__).with_name("schema.sql")
FIRST_STATUS = "To Do"
# JIRA's ids start in the ten thousands, so that a test which confuses id and number is found.
FIRST_ID = 10000


@dataclass(frozen=True)
class Ticket:
    """One ticket as stored; the times are seconds since 1970, the fields are as JIRA keeps them."""

    id: int
    key: str
    project: str
    number: int
    status: str
    created: float
    updated: float
    fields: Json

    @property
    def labels(self) -> list[str]:
        """Return the ticket's labels."""
        return list(self.fields.get("labels", []))


@dataclass(frozen=True)
class Link:
    """One link as stored: the inward ticket blocks the outward ticket."""

    id: int
    type: str
    inward: int
    outward: int


class Store:
    """The memory of one sandbox. Every method is one transaction and safe to call from any thread."""

    def __init__(self, path: Path | None) -> None:
        """Open or create the file; None keeps everything in memory."""
        self._lock = threading.RLock()
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(str(path or ":memory:"), isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")  # survives kill -9; a power cut may cost the last lines
        self._connection.executescript(SCHEMA.read_text(encoding="utf-8"))

    def close(self) -> None:
        """Close the file; the store cannot be used afterwards."""
        with self._lock:
            self._connection.close()

    def reset(self) -> None:
        """Forget everything, the ledger too."""
        with self._lock:
            names = [row["name"] for row in self.rows("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for name in names:
                if not name.startswith("sqlite_"):
                    self._connection.execute(f'DROP TABLE "{name}"')
            self._connection.executescript(SCHEMA.read_text(encoding="utf-8"))

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Do the body as one transaction, alone; an exception undoes it, `note` within it too."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def rows(self, statement: str, *values: Any) -> list[sqlite3.Row]:
        """Return what a query finds."""
        with self._lock:
            return self._connection.execute(statement, values).fetchall()

    def note(self, effect: str, target: str, marker: str | None, origin: Origin) -> None:
        """Add a line to the ledger, within the transaction of the effect."""
        self._connection.execute(
            "INSERT INTO ledger (time, effect, target, marker, idempotency_key, correlation_id, body)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                clock.now().isoformat(timespec="milliseconds"),
                effect,
                target,
                marker,
                origin.idempotency_key,
                origin.correlation_id,
                json.dumps(origin.body),
            ),
        )

    # -- projects and tickets ------------------------------------------------------------------------------------

    def project_id(self, key: str) -> int:
        """Return the id of a project, which is made on first use."""
        with self.transaction() as connection:
            connection.execute(
                "INSERT INTO projects (id, key) VALUES ((SELECT coalesce(max(id), ?) + 1 FROM projects), ?)"
                " ON CONFLICT DO NOTHING",
                (FIRST_ID, key),
            )
            return int(connection.execute("SELECT id FROM projects WHERE key = ?", (key,)).fetchone()["id"])

    def project_key(self, project_id: int) -> str | None:
        """Return the key of a project that is in use, or None."""
        found = self.rows("SELECT key FROM projects WHERE id = ?", project_id)
        return found[0]["key"] if found else None

    def create_ticket(self, project: str, fields: Json, origin: Origin) -> Ticket:
        """Create a ticket with the next number of its project; the fields are taken as they are."""
        self.project_id(project)
        moment = clock.now().timestamp()
        with self.transaction() as connection:
            number = connection.execute(
                "UPDATE projects SET last_number = last_number + 1 WHERE key = ? RETURNING last_number", (project,)
            ).fetchone()[0]
            key = f"{project}-{number}"
            ticket_id = connection.execute(
                "INSERT INTO tickets (id, key, project, number, status, created, updated, fields)"
                " VALUES ((SELECT coalesce(max(id), ?) + 1 FROM tickets), ?, ?, ?, ?, ?, ?, ?) RETURNING id",
                (FIRST_ID, key, project, number, FIRST_STATUS, moment, moment, json.dumps(fields)),
            ).fetchone()[0]
            ticket = Ticket(ticket_id, key, project, number, FIRST_STATUS, moment, moment, fields)
            connection.executemany(
                "INSERT OR IGNORE INTO labels VALUES (?, ?)", [(label, ticket_id) for label in ticket.labels]
            )
            self.note("create", key, marker_of(ticket), origin)
        return ticket

    def ticket(self, id_or_key: str) -> Ticket | None:
        """Return one ticket by its id or key (any case, as JIRA), or None."""
        found = self.rows("SELECT * FROM tickets WHERE key = ? OR id = ?", id_or_key.upper(), id_or_key)
        return _ticket(found[0]) if found else None

    def tickets(self, label: str | None = None) -> list[Ticket]:
        """Return all tickets, or those that have a label, oldest first."""
        if label is None:
            found = self.rows("SELECT * FROM tickets ORDER BY id")
        else:
            found = self.rows(
                "SELECT t.* FROM tickets t JOIN labels l ON l.ticket_id = t.id WHERE l.label = ? ORDER BY t.id", label
            )
        return [_ticket(row) for row in found]

    def move(self, ticket: Ticket, status: str, origin: Origin) -> bool:
        """Give a ticket another status; return False when it has left its old one in the meantime."""
        with self.transaction() as connection:
            changed = connection.execute(
                "UPDATE tickets SET status = ?, updated = ? WHERE id = ? AND status = ?",
                (status, clock.now().timestamp(), ticket.id, ticket.status),
            ).rowcount
            if changed:
                self.note("transition", ticket.key, marker_of(ticket), origin)
        return bool(changed)

    # -- what hangs on tickets -----------------------------------------------------------------------------------

    def link(self, link_type: str, inward: Ticket, outward: Ticket, origin: Origin) -> bool:
        """Link two tickets; return False, without an effect, when this link exists. The marker is the outward one's."""
        with self.transaction() as connection:
            changed = connection.execute(
                "INSERT INTO links (id, type, inward, outward)"
                " VALUES ((SELECT coalesce(max(id), ?) + 1 FROM links), ?, ?, ?) ON CONFLICT DO NOTHING",
                (FIRST_ID, link_type, inward.id, outward.id),
            ).rowcount
            if changed:
                self.note("link", f"{inward.key} -> {outward.key}", marker_of(outward), origin)
        return bool(changed)

    def links(self, ticket: Ticket) -> list[Link]:
        """Return the links of a ticket, in both directions."""
        rows = self.rows("SELECT * FROM links WHERE inward = ? OR outward = ? ORDER BY id", ticket.id, ticket.id)
        return [Link(**dict(row)) for row in rows]

    def add_comment(self, ticket: Ticket, body: Any, origin: Origin) -> Json:
        """Add a comment and return it as {id, created, body}."""
        moment = clock.now().timestamp()
        with self.transaction() as connection:
            comment_id = connection.execute(
                "INSERT INTO comments (id, ticket_id, created, body)"
                " VALUES ((SELECT coalesce(max(id), ?) + 1 FROM comments), ?, ?, ?) RETURNING id",
                (FIRST_ID, ticket.id, moment, json.dumps(body)),
            ).fetchone()[0]
            self.note("comment", ticket.key, marker_of(ticket), origin)
        return {"id": comment_id, "created": moment, "body": body}

    def comments(self, ticket: Ticket) -> list[Json]:
        """Return the comments of a ticket, oldest first."""
        rows = self.rows("SELECT id, created, body FROM comments WHERE ticket_id = ? ORDER BY id", ticket.id)
        return [{**dict(row), "body": json.loads(row["body"])} for row in rows]

    def put_remote_link(self, ticket: Ticket, body: Json, origin: Origin) -> tuple[int, bool]:
        """Add a remote link, or replace the one with the same global id; return its id and whether it is new."""
        global_id = body.get("globalId")
        with self.transaction() as connection:
            old = connection.execute(
                "SELECT id FROM remote_links WHERE ticket_id = ? AND global_id = ?", (ticket.id, global_id)
            ).fetchone()
            link_id = connection.execute(
                "INSERT INTO remote_links (id, ticket_id, global_id, body)"
                " VALUES ((SELECT coalesce(max(id), ?) + 1 FROM remote_links), ?, ?, ?)"
                " ON CONFLICT (ticket_id, global_id) DO UPDATE SET body = excluded.body RETURNING id",
                (FIRST_ID, ticket.id, global_id, json.dumps(body)),
            ).fetchone()[0]
            self.note("remote-link", ticket.key, marker_of(ticket), origin)
        return link_id, old is None

    def remote_links(self, ticket: Ticket) -> list[Json]:
        """Return the remote links of a ticket, each with its id."""
        rows = self.rows("SELECT id, body FROM remote_links WHERE ticket_id = ? ORDER BY id", ticket.id)
        return [{**json.loads(row["body"]), "id": row["id"]} for row in rows]

    # -- databases and the ledger --------------------------------------------------------------------------------

    def create_database(self, answer: Json, origin: Origin) -> tuple[Json, Json, bool]:
        """Keep a new database, or find the one made under the same idempotency key.

        Returns the request and the answer that are kept, and whether they are new.
        """
        with self.transaction() as connection:
            if origin.idempotency_key is not None:
                old = connection.execute(
                    "SELECT request, answer FROM databases WHERE idempotency_key = ?", (origin.idempotency_key,)
                ).fetchone()
                if old is not None:
                    return json.loads(old["request"]), json.loads(old["answer"]), False
            connection.execute(
                "INSERT INTO databases VALUES (?, ?, ?, ?, ?)",
                (
                    answer["id"],
                    clock.now().timestamp(),
                    origin.idempotency_key,
                    json.dumps(origin.body),
                    json.dumps(answer),
                ),
            )
            self.note("rest-call", answer["id"], None, origin)
        return origin.body, answer, True

    def database(self, database_id: str) -> Json | None:
        """Return one database as in databases(), or None."""
        found = self.rows("SELECT * FROM databases WHERE id = ?", database_id)
        return _database(found[0]) if found else None

    def databases(self) -> list[Json]:
        """Return the databases as {id, created, idempotency_key, request, answer}, oldest first."""
        return [_database(row) for row in self.rows("SELECT * FROM databases ORDER BY created, id")]

    def ledger(
        self,
        *,
        marker: str | None = None,
        effect: str | None = None,
        target: str | None = None,
        idempotency_key: str | None = None,
        correlation_id: str | None = None,
    ) -> list[Json]:
        """Return the ledger's lines that have all the given values, oldest first."""
        rows = self.rows(
            "SELECT * FROM ledger WHERE coalesce(marker = ?1, ?1 IS NULL) AND coalesce(effect = ?2, ?2 IS NULL)"
            " AND coalesce(target = ?3, ?3 IS NULL) AND coalesce(idempotency_key = ?4, ?4 IS NULL)"
            " AND coalesce(correlation_id = ?5, ?5 IS NULL) ORDER BY id",
            marker,
            effect,
            target,
            idempotency_key,
            correlation_id,
        )
        return [{**dict(row), "body": json.loads(row["body"])} for row in rows]

    def version(self) -> int:
        """Return a number that grows with every effect."""
        return int(self.rows("SELECT coalesce(max(id), 0) AS last FROM ledger")[0]["last"])

    def ledger_start(self) -> str:
        """Return the time of the first effect, which tells one ledger from another after a reset."""
        found = self.rows("SELECT time FROM ledger ORDER BY id LIMIT 1")
        return str(found[0]["time"]) if found else ""


def marker_of(ticket: Ticket) -> str | None:
    """Return the label that says which PAO task made a ticket, or None."""
    return next((label for label in ticket.labels if label.startswith(MARKER_PREFIX)), None)


def _ticket(row: sqlite3.Row) -> Ticket:
    return Ticket(**{**dict(row), "fields": json.loads(row["fields"])})


def _database(row: sqlite3.Row) -> Json:
    return {**dict(row), "request": json.loads(row["request"]), "answer": json.loads(row["answer"])}
