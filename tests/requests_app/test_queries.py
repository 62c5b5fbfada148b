"""Who sees what (B36, B38), and what lists and details are derived from."""

import uuid
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from pao.core.context import Principal
from pao.core.errors import RequestNotFound
from requests_app import queries
from requests_app.models import LogLevel, LogLine, ResourceRequest
from tests.factories import item, principal, serve, serve_stack, submitted, tasks_by_component
from tests.requests_app.ledger import completed, halted_stack

pytestmark = pytest.mark.django_db

OPERATOR, AUDITOR = frozenset({"operator"}), frozenset({"auditor"})
DANA = principal("dana", teams=("webshop", "search"))


def somebody(name: str = "sam", **changes: Any) -> Principal:
    """Return a person who differs from Dana in what is given."""
    return Principal(id=name, **changes)


SEEING = pytest.mark.parametrize(
    ("who", "sees", "acts"),
    [
        pytest.param(DANA, True, True, id="the requester"),
        pytest.param(principal("dana"), True, True, id="the requester, in no team any more"),
        pytest.param(somebody(teams=("webshop",)), True, False, id="a team mate"),
        pytest.param(somebody(teams=("search", "other")), True, False, id="a mate of another team of hers"),
        pytest.param(somebody(teams=("platform-databases",)), True, True, id="an owner of the entry"),
        pytest.param(somebody(roles=AUDITOR), True, False, id="an auditor"),
        pytest.param(somebody(roles=OPERATOR), True, True, id="an operator"),
        pytest.param(somebody(), False, False, id="a stranger"),
        pytest.param(somebody(teams=("web", "shop", "WEBSHOP", "")), False, False, id="teams of similar names"),
        pytest.param(somebody(teams=("dana",)), False, False, id="a team named like her"),
        pytest.param(somebody("Dana"), False, False, id="a name spelt otherwise"),
        pytest.param(somebody("dana", tenant="other"), False, True, id="her name in another tenant"),
        pytest.param(somebody(roles=OPERATOR, tenant="other"), False, True, id="an operator of another tenant"),
    ],
)


@SEEING
def test_who_sees_and_acts(who: Principal, sees: bool, acts: bool) -> None:  # noqa: FBT001 - columns of the table
    serve(item())
    request = submitted("database-small-test", by=DANA)
    assert queries.visible_to(who).filter(pk=request.pk).exists() is sees
    assert queries.may_act(request, who) is acts
    if sees:
        assert queries.visible_request(request.pk, who) == request
    else:
        with pytest.raises(RequestNotFound):
            queries.visible_request(request.pk, who)


def test_others_things_and_no_things_are_refused_alike() -> None:  # B36
    serve(item())
    request = submitted("database-small-test", by=DANA)
    stranger = somebody()
    messages = []
    for request_id in (request.pk, uuid.uuid4()):
        with pytest.raises(RequestNotFound) as refused:
            queries.visible_request(request_id, stranger)
        messages.append(refused.value.message.replace(str(request_id), "…"))
    assert messages[0] == messages[1]


def test_an_entry_without_an_owner_belongs_to_nobody() -> None:
    serve(item())
    request = submitted("database-small-test", by=DANA)
    ResourceRequest.objects.update(owner_team="")
    request.refresh_from_db()
    nameless = somebody(teams=("",))
    assert not queries.may_act(request, nameless)
    assert not queries.visible_to(nameless).exists()


def test_a_list_does_not_read_what_it_does_not_show() -> None:
    request = submitted(serve_stack())
    found = queries.visible_to(principal()).get(pk=request.pk)
    assert {"snapshot", "sealed_values"} <= found.get_deferred_fields()


def test_the_tasks_of_many_requests_are_counted_in_one_query(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    first = halted_stack()
    second = submitted("bundle-stack-test")
    with django_assert_num_queries(1):
        counted = queries.progress_by_request([first, second])
    assert counted == {row.pk: queries.progress_of(queries.tasks_of(row)) for row in (first, second)}
    assert counted[first.pk] == {"total": 3, "done": 1, "completed": 1, "skipped": 0, "failed": 1, "stuck": 0}


def test_what_a_condition_skipped_is_done_and_what_an_abort_skipped_is_not() -> None:
    request = submitted(serve_stack())
    request.tasks.filter(component_id="secrets").update(state="skipped", state_reason={"code": "CONDITION_FALSE"})
    request.tasks.filter(component_id="app").update(state="skipped", state_reason={"code": "ABORTED"})
    counted = queries.progress_of(queries.tasks_of(request))
    assert (counted["total"], counted["done"], counted["skipped"], counted["completed"]) == (3, 1, 2, 0)
    assert queries.progress_by_request([request]) == {request.pk: counted}


def test_counting_the_tasks_of_no_request_asks_nothing(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(0):
        assert queries.progress_by_request([]) == {}


def test_progress_names_every_kind_of_end() -> None:
    request = halted_stack()
    assert queries.progress_of(queries.tasks_of(request)) == {
        "total": 3,
        "done": 1,
        "completed": 1,
        "skipped": 0,
        "failed": 1,
        "stuck": 0,
    }


def test_tasks_come_in_order_without_their_heavy_columns() -> None:
    tasks = queries.tasks_of(submitted(serve_stack()))
    assert [task.component_id for task in tasks] == ["database", "secrets", "app"]
    assert all(task.get_deferred_fields() == {"action", "sealed_outputs"} for task in tasks)


def test_outputs_are_those_of_completed_tasks_the_later_winning() -> None:
    request = submitted(serve_stack())
    tasks = tasks_by_component(request)
    completed(tasks["database"], {"endpoint": "db", "port": 5432})
    completed(tasks["secrets"], {"endpoint": "vault"})
    request.tasks.filter(component_id="app").update(outputs={"left": "behind"})
    assert queries.outputs_of(queries.tasks_of(request)) == {"endpoint": "vault", "port": 5432}


def test_the_log_goes_on_behind_the_last_line_seen() -> None:
    request = halted_stack()
    other = submitted("bundle-stack-test")
    whole = list(LogLine.objects.filter(resource_request=request).order_by("pk"))
    assert len(whole) >= 3
    first = queries.log_of(request, limit=2)
    rest = queries.log_of(request, after=first[-1].pk, limit=100)
    assert [line.pk for line in [*first, *rest]] == [line.pk for line in whole]
    assert queries.log_of(request, after=whole[-1].pk, limit=10) == []
    assert {line.resource_request_id for line in queries.log_of(other, limit=10)} == {other.pk}


def test_the_log_is_filtered_by_level_and_task() -> None:
    request = halted_stack()
    task = tasks_by_component(request)["secrets"]
    assert {line.level for line in queries.log_of(request, level=LogLevel.ERROR, limit=10)} == {"error"}
    lines = queries.log_of(request, task_id=task.pk, limit=10)
    assert {line.task_id for line in lines} == {task.pk}
    other = submitted("bundle-stack-test")
    assert queries.log_of(other, task_id=task.pk, limit=10) == []
