"""The form of an entry in a real browser: what a script shows and hides, as the server decides it."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from catalog.domain.documents import document_from
from catalog.domain.forms import from_html
from catalog.domain.forms.visibility import hidden_paths
from requests_app.models import ResourceRequest
from tests.browser.conftest import LOOKS, Open, findings
from tests.catalog.domain.form_cases import LEAVES
from tests.factories import item, serve

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.django_db(transaction=True)]

ENTRY = "/catalog/database-small-test/"


def group(identifier: str, *fields: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {"id": identifier, "name": identifier.title(), "fields": list(fields), **members}


def field(identifier: str, kind: str = "string", when: str = "", **members: Any) -> dict[str, Any]:
    condition = {"visibleWhen": when} if when else {}
    return {"id": identifier, "name": identifier.title(), "type": kind, **condition, **members}


# One condition of every kind, each leaning on a control of another kind.
GROUPS = [
    group("audit", field("trail", required=True), visibleWhen="current.basic.reason == 'law'"),
    group(
        "basic",
        field("size", "select", enum=["small", "large"], default="small"),
        field("reason", when="current.basic.size == 'large'", required=True),
        field("tier", "select", enum=[1, 2, 3, 4]),
        field("price", when="current.basic.tier > 2"),
        field("count", "number", default=5),
        field("crowd", when="current.basic.count >= 10 && !current.basic.alone"),
        field("alone", "boolean"),
        field("zones", "multiselect", enum=["a", "b"]),
        field("bridge", when="'a' in current.basic.zones && 'b' in current.basic.zones"),
        field("tags", "multiselect"),
        field("colour", when="'red' in current.basic.tags || current.basic.tags == null"),
        field("until", "date"),
        field("after", when="current.basic.until in ['2030-01-31', '2031-01-31']"),
        field("plan", "file"),
        field("summary", when="current.basic.plan != null"),
        field("nickname", when="current.name != 'orders'"),
        field("code", required=True, default="x"),
        field("none", when="current.basic.code == null"),
        field("kinds", "multiselect", required=True, default=["k"]),
        field("unkind", when="current.basic.kinds == null"),
    ),
]  # fmt: skip


# What is chosen, where, and what appears and vanishes by it.
STEPS: list[tuple[str, str, set[str], set[str]]] = [
    ("size", "large", {"reason"}, set()),
    ("tier", "3", {"price"}, set()),
    ("count", "10", {"crowd"}, set()),
    ("alone", "true", set(), {"crowd"}),
    ("zones", "a", set(), set()),
    ("zones", "b", {"bridge"}, set()),
    ("tags", "blue", set(), {"colour"}),
    ("tags", "blue\nred", {"colour"}, set()),
    ("until", "2030-01-31", {"after"}, set()),
    ("plan", "", {"summary"}, set()),
    ("reason", "law", {"trail"}, set()),
    # what leans on a hidden field goes with it
    ("size", "small", set(), {"reason", "trail"}),
    ("count", "", set(), set()),
    # a required field does not fall back on its default
    ("code", "", {"none"}, set()),
    ("kinds", "", set(), set()),
]


def shown(page: Page) -> set[str]:
    """Return the ids of the conditional fields that can be seen."""
    return {
        name.partition(".")[2]
        for name in page.locator("[data-visible-when]:visible, [data-visible-when]:visible [data-field]").evaluate_all(
            "parts => parts.map(part => part.dataset.field ?? '')"
        )
        if name
    }


def choose(page: Page, name: str, value: str) -> None:
    control = page.locator(f'[name="basic.{name}"]').first
    match control.get_attribute("type"):
        case "radio" | "checkbox":
            page.locator(f'[name="basic.{name}"][value="{value}"]').check()
        case "file":
            control.set_input_files({"name": "plan.txt", "mimeType": "text/plain", "buffer": b"a plan"})
        case None if control.evaluate("control => control.tagName") == "SELECT":
            control.select_option(value)
        case _:
            control.fill(value)


@pytest.fixture
def page(open_as: Open) -> Page:
    """The form of an entry with a condition of every kind."""
    definition = item("database-small-test")
    definition["input"]["form"]["groups"] = GROUPS
    serve(definition)
    page = open_as()
    page.goto(ENTRY)
    return page


def test_a_script_shows_what_the_values_ask_for(page: Page) -> None:
    assert shown(page) == {"colour", "nickname"}
    expected = {"colour", "nickname"}
    for name, value, appear, vanish in STEPS:
        choose(page, name, value)
        expected = (expected | appear) - vanish
        assert shown(page) == expected, (name, value)
    page.locator('[name="name"]').fill("orders")
    assert shown(page) == expected - {"nickname"}


# Every kind of comparison over every kind of control: one field for each.
LEANED_ON = [
    field("text"),
    field("count", "number", default=5),
    field("flag", "boolean"),
    field("pick", "select", enum=["a", 1, 2.5, True]),
    field("few", "select", enum=["a", 1], default="a"),
    field("many", "multiselect", enum=["a", 1, 2.5]),
    field("free", "multiselect"),
]
PATHS = ["current.name", *(f"current.basic.{each['id']}" for each in LEANED_ON)]
ASKED = [leaf.replace("?", path) for leaf in LEAVES for path in PATHS]
STATES: list[dict[str, list[str]]] = [
    {},
    {"name": ["orders"], "basic.text": ["a"], "basic.pick": ["1"], "basic.many": ["a", "1"], "basic.free": ["a"]},
    {"basic.text": ["1"], "basic.count": ["1"], "basic.flag": ["true"], "basic.pick": ["true"], "basic.few": ["1"]},
    {"basic.text": ["orders"], "basic.count": [""], "basic.pick": ["2.5"], "basic.many": ["2.5"], "basic.free": ["b"]},
    {
        "name": ["a"],
        "basic.count": ["0.5"],
        "basic.flag": [],
        "basic.pick": ["a"],
        "basic.many": [],
        "basic.free": [""],
    },
]


def test_the_script_decides_as_the_server_does(open_as: Open) -> None:
    definition = item("database-small-test")
    asked = [field(f"asked{number}", when=condition) for number, condition in enumerate(ASKED)]
    definition["input"]["form"]["groups"] = [group("basic", *LEANED_ON, *asked)]
    serve(definition)
    form = document_from(definition).form
    page = open_as()
    page.goto(ENTRY)
    for state in STATES:
        page.reload()
        for name, values in state.items():
            for control in page.locator(f'[name="{name}"]').all():
                match control.evaluate("control => control.type"):
                    case "checkbox":
                        control.set_checked(control.get_attribute("value") in values)
                    case "radio" if control.get_attribute("value") in values:
                        control.check()
                    case "radio":
                        pass
                    case "select-one":
                        control.select_option(values)
                    case _:
                        control.fill("\n".join(values))
        sent = page.evaluate(
            "[...new FormData(document.querySelector('main form'))].filter(([name]) => !name.includes('asked'))"
        )
        post: dict[str, list[str]] = {}
        for name, value in sent:
            post.setdefault(name, []).append(value)
        hidden = {path[1] for path in hidden_paths(form, from_html(form, post))}
        expected = {f"asked{number}" for number in range(len(ASKED))} - hidden
        wrong = {ASKED[int(name.removeprefix("asked"))] for name in shown(page) ^ expected}
        assert wrong == set(), post


def test_what_is_hidden_is_not_sent_and_not_asked_for(page: Page) -> None:
    choose(page, "size", "large")
    choose(page, "reason", "law")
    page.locator('[name="audit.trail"]').fill("kept")
    choose(page, "size", "small")
    page.locator('[name="name"]').fill("orders")
    page.get_by_role("button", name="Submit request").click()
    page.wait_for_url("**/requests/**")

    basic = {"size": "small", "count": 5, "alone": False, "code": "x", "kinds": ["k"]}
    assert ResourceRequest.objects.get().form_data == {"name": "orders", "basic": basic}


def test_a_browser_insists_on_what_is_required_once_it_is_shown(page: Page) -> None:
    page.locator('[name="name"]').fill("orders")
    valid = "document.querySelector('main form').checkValidity()"
    assert page.evaluate(valid)
    choose(page, "size", "large")
    assert not page.evaluate(valid)
    choose(page, "reason", "load")
    assert page.evaluate(valid)


def test_without_script_all_is_shown_and_the_server_decides(page: Page, open_as: Open) -> None:
    plain = open_as(java_script_enabled=False)
    plain.goto(ENTRY)
    expect(plain.locator('[name="audit.trail"]')).to_be_visible()
    expect(plain.get_by_text("Only when Size is large.")).to_be_visible()
    plain.locator('[name="name"]').fill("orders")
    plain.locator('[name="basic.reason"]').fill("forgotten")
    plain.get_by_role("button", name="Submit request").click()

    plain.wait_for_url("**/requests/**")
    basic = {"size": "small", "count": 5, "alone": False, "code": "x", "kinds": ["k"]}
    assert ResourceRequest.objects.get().form_data == {"name": "orders", "basic": basic}


@pytest.mark.parametrize("look", LOOKS)
def test_a_form_with_everything_is_accessible(page: Page, open_as: Open, look: str) -> None:
    seen = open_as("requester", look)
    seen.goto(ENTRY)
    choose(seen, "size", "large")
    found = findings(seen)
    seen.evaluate("document.querySelector('main form').noValidate = true")
    seen.get_by_role("button", name="Submit request").click()
    expect(seen.get_by_role("alert")).to_contain_text("2 things to correct")
    found += findings(seen)
    assert found == []
