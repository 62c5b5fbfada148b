"""F06, end to end: many submissions at once under one key become one request, and one ticket."""

from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus

from devtools.client import Answered
from tests.flows.stack import ITEM, ITEM_FORM, Stack

FORM = {**ITEM_FORM, "name": "one-of-two-hundred"}
KEY = "one-of-two-hundred"
COUNT = 200
AT_ONCE = 40


def test_many_submissions_under_one_key_make_one_ticket(stack: Stack) -> None:
    """F06: two hundred calls, each with a double click's key; those that come too early are told so."""

    def submit(_: int) -> str:
        try:
            return str(stack.client.post("/requests", {"item_id": ITEM, "form_data": FORM}, key=KEY)["id"])
        except Answered as refused:
            if refused.status != HTTPStatus.CONFLICT:
                raise
            return ""

    with ThreadPoolExecutor(AT_ONCE) as people:
        [request] = {answer for answer in people.map(submit, range(COUNT)) if answer}
    with stack.worker():
        assert stack.ended(request)["state"] == "completed"

    assert [len(keys) for keys in stack.tickets(request)] == [1]
    assert stack.rows("SELECT count(*) FROM requests_resourcerequest WHERE name = %s", FORM["name"]) == [(1,)]
