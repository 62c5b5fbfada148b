"""What a look at standing requests costs: indexes hold what it asks for."""

import pytest
from django.db import connection
from pytest_django import DjangoAssertNumQueries

from requests_app import standstill
from requests_app.standstill import look
from tests.requests_app.ledger import in_state

pytestmark = pytest.mark.django_db


def test_a_look_asks_for_what_indexes_hold(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    """Two questions; of the requests, only those under way are read, and of the tasks only those that move."""
    in_state("submitted")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    plan = standstill.standing_still(standstill.under_way()).order_by("pk").values_list("pk")[:1].explain()

    assert "request_under_way" in plan
    assert "task_moving" in plan
    assert "hashed SubPlan" not in plan
    with django_assert_num_queries(2):
        look()
