"""The board: what people see, that it is safe to look at, and that its buttons work without JavaScript."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import quote

import pytest
import requests

from tests.devtools.sandbox_client import TIMEOUT, Client, Reply, client

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
HOSTILE = '"><script>alert(1)</script>'


@pytest.fixture
def jira() -> Iterator[Client]:
    with client("3") as checked:
        checked.contract = None
        yield checked


class Outline(HTMLParser):
    """Collects tags and attributes and the words of a page; fails on tags that do not match."""

    VOID = {"meta", "link", "input", "br", "hr"}

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self._open: list[str] = []
        self.feed(html)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


def post(jira: Client, path: str, form: dict[str, str]) -> requests.Response:
    url = jira.sandbox.base_url + path
    return jira.session.post(url, data=form, timeout=TIMEOUT, allow_redirects=False)


def fill(jira: Client) -> tuple[str, str]:
    """Make a blocking and a blocked ticket with hostile words, a comment and a database; return the keys."""
    heading = {"type": "heading", "attrs": {"level": 2}, "content": [{"type": "text", "text": HOSTILE}]}
    marks = [{"type": "strong"}, {"type": "link", "attrs": {"href": "javascript:alert(1)"}}]
    text = {"type": "paragraph", "content": [{"type": "text", "text": "Words", "marks": marks}]}
    document = {"type": "doc", "version": 1, "content": [heading, text]}
    first = jira.create(summary=HOSTILE, labels=[HOSTILE.replace(" ", "")], description=document)
    second = jira.create(project={"key": "SECURITY"}, components=[{"name": HOSTILE}])
    jira.jira(
        "POST",
        "issueLink",
        {"type": {"name": "Blocks"}, "inwardIssue": {"key": first}, "outwardIssue": {"key": second}},
    )
    jira.jira("POST", f"issue/{first}/comment", {"body": jira.rich(HOSTILE)})
    jira.call("POST", "/platform/databases", {"instanceName": "orders-db"})
    return first, second


def test_cards_show_key_summary_priority_links_and_description(jira: Client) -> None:
    first, second = fill(jira)
    page = Outline(jira.call("GET", "/").text)
    words = re.sub(r"\s+", " ", page.words)
    for expected in (first, second, "High", "To Do 2", "In Progress 0", f"is blocked by {first}", f"blocks {second}"):
        assert expected in words
    assert "Words" in words
    assert "orders-db" in words


@pytest.mark.parametrize("path", ["/", "/browse/DBA-1", "/browse/SECURITY-1", "/browse/" + quote(HOSTILE, safe="")])
def test_pages_hold_no_markup_from_outside_and_nothing_inline(jira: Client, path: str) -> None:
    fill(jira)
    reply: Reply = jira.call("GET", path)
    page = Outline(reply.text)
    scripts = [attributes for tag, attributes in page.tags if tag == "script"]
    assert all(attributes.get("src") == "/_sandbox/static/board.js" for attributes in scripts)
    assert all(tag != "style" for tag, _ in page.tags)
    for _, attributes in page.tags:
        assert not [name for name in attributes if name == "style" or name.startswith("on")]
        assert not (attributes.get("href") or "").startswith("javascript")
    assert "default-src 'self'" in reply.headers["Content-Security-Policy"]
    assert "unsafe" not in reply.headers["Content-Security-Policy"]


def test_the_page_of_a_ticket_tells_what_happened(jira: Client) -> None:
    first, second = fill(jira)
    words = Outline(jira.call("GET", f"/browse/{first}").text).words
    for expected in ("ticket created", f"{first} → {second}", "comment added", HOSTILE):
        assert expected in words
    assert jira.call("GET", "/browse/NO-1").status == 404


@pytest.mark.parametrize(("back", "location"), [("board", "/"), ("ticket", "/browse/DBA-1"), ("//evil.example", "/")])
def test_a_button_moves_the_ticket_and_goes_back(jira: Client, back: str, location: str) -> None:
    key = jira.create()
    answer = post(jira, "/_sandbox/board/transition", {"key": key, "transition": "21", "back": back})
    assert (answer.status_code, answer.headers["Location"]) == (303, location)
    (line,) = jira.sandbox.store.ledger(effect="transition")
    assert line["body"] == {"transition": {"id": "21"}, "by": "board"}


def test_a_button_that_is_out_of_date_changes_nothing(jira: Client) -> None:
    key = jira.create()
    assert post(jira, "/_sandbox/board/transition", {"key": key, "transition": "31"}).status_code == 303
    assert post(jira, "/_sandbox/board/transition", {"key": "NO-1", "transition": "21"}).status_code == 404
    assert jira.sandbox.store.ledger(effect="transition") == []


def test_the_switch_arms_and_clears_by_form(jira: Client) -> None:
    form = {"match": "POST /rest/api/?/issue", "fault": "swallow", "seconds": "5", "times": "1"}
    assert post(jira, "/_sandbox/board/arm", form).status_code == 303
    assert post(jira, "/_sandbox/board/arm", form | {"times": "", "seconds": ""}).status_code == 303
    page = jira.call("GET", "/").text
    assert "Armed faults: 2" in page
    first, second = jira.sandbox.faults.armed()
    assert (first["times"], second["times"]) == (1, None)
    post(jira, "/_sandbox/board/disarm", {"id": str(first["id"])})
    assert jira.sandbox.faults.armed() == [second]
    post(jira, "/_sandbox/board/disarm", {})
    assert "No fault is armed" in jira.call("GET", "/").text


@pytest.mark.parametrize("wrong", [{"fault": "none"}, {"seconds": "soon"}, {"times": "often"}, {"match": ""}])
def test_a_wrong_form_is_refused_with_a_page(jira: Client, wrong: dict[str, str]) -> None:
    answer = post(jira, "/_sandbox/board/arm", {"match": "*", "fault": "500"} | wrong)
    assert answer.status_code == 400
    assert "The fault was not armed" in answer.text


@pytest.mark.parametrize("path", ["/", "/browse/DBA-1"])
def test_the_page_is_sent_again_only_when_something_changed(jira: Client, path: str) -> None:
    key = jira.create()
    found = re.search(r'data-version="(\w+)"', jira.call("GET", path).text)
    assert found
    seen = {"v": found[1]}
    assert jira.call("GET", path, query=seen).status == 204
    jira.sandbox.faults.arm({"match": "*", "fault": "500", "times": 1})
    assert jira.call("GET", path, query=seen).status == 200
    jira.sandbox.faults.clear()
    assert jira.call("GET", path, query=seen).status == 204
    jira.jira("POST", f"issue/{key}/transitions", {"transition": {"id": "21"}})
    assert jira.call("GET", path, query=seen).status == 200


def test_an_empty_board_says_the_next_step(jira: Client) -> None:
    assert "Submit a request in PAO" in jira.call("GET", "/").text


@pytest.mark.parametrize(
    ("name", "kind", "status"),
    [("board.css", "text/css", 200), ("board.js", "text/javascript", 200), ("../board.py", "", 404), ("x", "", 404)],
)
def test_static_files_are_served_by_name_only(jira: Client, name: str, kind: str, status: int) -> None:
    answer = jira.session.get(f"{jira.sandbox.base_url}/_sandbox/static/{name.replace('/', '%2F')}", timeout=TIMEOUT)
    assert answer.status_code == status
    assert kind in answer.headers["Content-Type"]
