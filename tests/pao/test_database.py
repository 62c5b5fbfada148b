"""What every connection asks of PostgreSQL, so that a frozen or vanished process gives back what it holds."""

import pytest
from django.db import OperationalError, connection, connections

from requests_app.abort import abort
from requests_app.models import ResourceRequest
from tests.factories import item, principal, serve, submitted


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
