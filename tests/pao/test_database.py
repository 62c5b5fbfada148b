"""What every connection asks of PostgreSQL, so that a frozen or vanished process gives back what it holds."""

from collections.abc import Callable

import psycopg
import pytest
from django.db import Error, OperationalError, connection, connections, transaction

from pao.database import AWAY
from requests_app.abort import abort
from requests_app.models import ResourceRequest
from tests.factories import item, principal, serve, submitted
from tests.outages import address, end_all_connections, read_only_database


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("setting", "value"), [("lock_timeout", "10s"), ("idle_in_transaction_session_timeout", "1min")]
)
def test_no_lock_is_waited_for_and_none_is_held_for_ever(setting: str, value: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SHOW {setting}")
        assert cursor.fetchone() == (value,)


@pytest.mark.django_db(transaction=True)
def test_a_verb_that_cannot_have_its_lock_says_so_and_changes_nothing() -> None:
    serve(item())
    request = submitted("database-small-test")
    other = connections.create_connection("default")
    try:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute("SELECT 1 FROM requests_resourcerequest FOR UPDATE")
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '50ms'")
        with pytest.raises(OperationalError, match="lock"):
            abort(resource_request_id=request.pk, by=principal())
    finally:
        connection.close()
        other.rollback()
        other.close()
    assert ResourceRequest.objects.get(pk=request.pk).state == "submitted"


def _end_session() -> None:
    connection.ensure_connection()
    end_all_connections()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _write_where_nothing_is_written() -> None:
    with read_only_database():
        serve(item())


def _stand_still_in_a_transaction() -> None:
    """As a process that was frozen does: the server ends its session, and it hears of that when it goes on."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        [session] = cursor.fetchone()
        cursor.execute("SET idle_in_transaction_session_timeout = '20ms'")
        with psycopg.connect(**address(), autocommit=True) as other:
            while other.execute("SELECT pg_sleep(0.01) FROM pg_stat_activity WHERE pid = %s", [session]).fetchone():
                pass
        cursor.execute("SELECT 1")


def _ask_wrongly() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nothing_of_that_name")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("ask", "is_away"),
    [
        (_end_session, True),
        (_write_where_nothing_is_written, True),
        (_stand_still_in_a_transaction, True),
        (_ask_wrongly, False),
    ],
)
def test_a_database_that_is_away_is_told_from_a_wrong_question(ask: Callable[[], None], *, is_away: bool) -> None:
    """F66, F68: only the first is worth another try."""
    with pytest.raises(Error) as raised:
        ask()
    connection.close()
    assert isinstance(raised.value, AWAY) is is_away
