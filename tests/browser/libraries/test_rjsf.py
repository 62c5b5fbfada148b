"""A stock react-jsonschema-form of what the API publishes, beside PAO's own page: both give the same `.current`.

`PAO_PICTURES=docs/pictures ./dev test tests/browser/libraries` saves how both look.
"""

import os
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.files.uploadedfile import SimpleUploadedFile
from playwright.sync_api import Browser, FilePayload, Locator, Page, expect
from rest_framework.test import APIClient

from devtools.rjsf import harness
from fulfillment.context import load_scope
from requests_app.models import ResourceRequest
from tests.browser.conftest import Open
from tests.browser.test_forms import GROUPS, STEPS, field, group
from tests.factories import item, serve

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.django_db(transaction=True)]

Api = Callable[..., APIClient]

PICTURES = os.environ.get("PAO_PICTURES")
STARTER = Path(__file__).parents[3] / "examples" / "starter"
ALL_TYPES = "storage-archive-alltypes"
PLAN = b"%PDF-1.4\n1 0 obj <</Type /Catalog>> endobj\ntrailer <</Root 1 0 R>>\n%%EOF\n"
TYPED = {
    "name": "records-2026",
    "basic.title": "Invoices 2026",
    "basic.purpose": "Kept by law.\nFor ten years.",
    "basic.contact": "ada@example.com",
    "basic.size": "2.5",
    "access.keepUntil": "2036-12-31",
    "access.passphrase": "correct horse battery",
}


@pytest.fixture
def library(chromium: Browser) -> Iterator[Page]:
    """A page with a stock react-jsonschema-form; whatever its console says fails the test."""
    said: list[str] = []
    page = chromium.new_page(viewport={"width": 760, "height": 900})
    page.set_default_timeout(10_000)
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto((harness.prepare() / "index.html").as_uri())
    yield page
    page.close()
    assert said == []


def draw(page: Page, api: Api, entry_id: str) -> dict[str, Any]:
    """Let the library draw the form that the API publishes; return what was published."""
    published: dict[str, Any] = api().get(f"/api/v1/catalog/{entry_id}/form").json()["data"]
    page.evaluate("form => window.show(form)", published)
    expect(page.locator("form")).to_be_visible()
    return published


def submitted_by(page: Page) -> dict[str, Any]:
    """Press the button of the library and return the data that it hands over, as it would be sent."""
    page.get_by_role("button", name="Submit").click()
    page.wait_for_function("window.submitted !== undefined")
    data: dict[str, Any] = page.evaluate("JSON.parse(JSON.stringify(window.submitted))")
    return data


def fill(page: Page, control: Callable[[str], Locator]) -> None:
    """Type and tick as a person does; only where a field stands differs between the two pages."""
    for path, value in TYPED.items():
        control(path).fill(value)
    page.get_by_label("internal", exact=True).check()
    page.get_by_label("us-east-1", exact=True).check()
    page.get_by_label("Write once", exact=True).uncheck()


def picture(page: Page, name: str) -> None:
    """Save how the form looks, when pictures are wanted."""
    if PICTURES:
        page.set_viewport_size({"width": 900, "height": 900})
        page.locator("form:has(#root_name, #field-name)").screenshot(path=Path(PICTURES) / f"{name}.png")


def current_of(request: ResourceRequest) -> dict[str, Any]:
    """Return `.current` as templates see it, without the id of the file: each upload has its own."""
    task = request.tasks.first()
    assert task is not None
    current = deepcopy(dict(load_scope(task).scope.current))
    assert current["access"]["recordsPlan"].pop("fileId")
    return current


def test_a_stock_form_and_the_page_give_the_same_current(api: Api, library: Page, open_as: Open) -> None:
    serve(yaml.safe_load((STARTER / "catalog" / "storage" / f"{ALL_TYPES}.yaml").read_text()))

    published = draw(library, api, ALL_TYPES)
    fill(library, lambda path: library.locator(f"[id='root_{path.replace('.', '_')}']"))
    plan = {"file": SimpleUploadedFile("plan.pdf", PLAN, "application/pdf")}
    address = f"/api/v1/uploads?item_id={ALL_TYPES}&field=access.recordsPlan"
    upload = api().post(address, plan, format="multipart").json()["data"]
    library.get_by_label("Id of the uploaded file").fill(upload["fileId"])
    picture(library, "form-rjsf")
    body = {"item_id": ALL_TYPES, "form_version": published["form_version"], "form_data": submitted_by(library)}
    answer = api().post("/api/v1/requests", body, format="json")
    assert answer.status_code == 202, answer.json()

    page = open_as()
    page.goto(f"/catalog/{ALL_TYPES}/")
    fill(page, lambda path: page.locator(f"[name='{path}']"))
    chosen: FilePayload = {"name": "plan.pdf", "mimeType": "application/pdf", "buffer": PLAN}
    page.locator("[name='access.recordsPlan']").set_input_files(chosen)
    picture(page, "form-django")
    page.get_by_role("button", name="Submit request").click()
    page.wait_for_url("**/requests/**")

    by_library, by_page = ResourceRequest.objects.order_by("created_at")
    assert current_of(by_library) == current_of(by_page)
    assert current_of(by_page) == {
        "name": "records-2026",
        "basic": {
            "title": "Invoices 2026",
            "purpose": "Kept by law.\nFor ten years.",
            "contact": "ada@example.com",
            "size": 2.5,
            "classification": "internal",
            "regions": ["eu-west-1", "us-east-1"],
        },
        "access": {
            "keepUntil": "2036-12-31",
            "writeOnce": False,
            "passphrase": "correct horse battery",
            "recordsPlan": {"name": "plan.pdf", "size": len(PLAN), "type": "application/pdf"},
        },
    }


def test_a_stock_form_is_sent_as_it_stands_without_the_optional_fields(api: Api, library: Page) -> None:
    serve(yaml.safe_load((STARTER / "catalog" / "storage" / f"{ALL_TYPES}.yaml").read_text()))
    draw(library, api, ALL_TYPES)
    for path in ("name", "basic.title", "basic.contact", "access.keepUntil"):
        library.locator(f"[id='root_{path.replace('.', '_')}']").fill(TYPED[path])
    library.get_by_label("public", exact=True).check()

    body = {"item_id": ALL_TYPES, "form_data": submitted_by(library)}
    answer = api().post("/api/v1/requests", body, format="json")

    assert answer.status_code == 202, answer.json()
    assert ResourceRequest.objects.get().form_data["access"] == {"keepUntil": "2036-12-31", "writeOnce": True}


def test_a_stock_form_shows_what_the_page_shows(api: Api, library: Page) -> None:
    definition = item("database-small-test")
    definition["input"]["form"]["groups"] = GROUPS
    serve(definition)
    draw(library, api, "database-small-test")
    conditional = {
        entry["id"]: f"#root_{each['id']}_{entry['id']}"
        for each in GROUPS
        for entry in each["fields"]
        if "visibleWhen" in {**each, **entry}
    }

    def shown() -> set[str]:
        return {name for name, control in conditional.items() if library.locator(control).count()}

    expected = {"colour", "nickname"}
    assert shown() == expected
    for name, value, appear, vanish in STEPS:
        expected = (expected | appear) - vanish
        if name in {"tags", "kinds", "plan"}:  # drawn as a list of inputs, and as the id of an upload
            expected -= {"summary"}
            continue
        choose(library, name, value)
        assert shown() == expected, (name, value)


def split(schema: Any) -> tuple[Any, dict[str, Any]]:
    """Return a step without its `ui:` members, and these as a uiSchema: what Backstage does before it draws."""
    if not isinstance(schema, dict):
        return schema, {}
    hints = {name: value for name, value in schema.items() if name.startswith("ui:")}
    plain = {name: value for name, value in schema.items() if name not in hints}
    if "properties" in plain:
        parts = {name: split(each) for name, each in plain["properties"].items()}
        plain["properties"] = {name: part for name, (part, _) in parts.items()}
        hints |= {name: inner for name, (_, inner) in parts.items()}
    for each in plain.get("allOf", ()):
        each["then"], inner = split(each["then"])
        hints |= inner
    return plain, hints


def test_the_steps_of_backstage_are_drawn_with_what_they_can_decide(api: Api, library: Page) -> None:
    definition = item("database-small-test")
    definition["input"]["form"]["groups"] = [
        group(
            "basic", field("size", "select", enum=["s", "l"]), field("reason", "textarea", "current.basic.size == 'l'")
        ),
        group("extra", field("why", required=True), visibleWhen="current.basic.size == 'l'"),
        group("other", field("far", when="current.basic.size == 'l'", required=True)),
    ]
    serve(definition)
    steps = api().get("/api/v1/catalog/database-small-test/form?ui=backstage").json()["data"]["parameters"]

    def drawn(step: int, data: dict[str, Any]) -> list[str]:
        schema, hints = split(deepcopy(steps[step]))
        library.evaluate("form => window.show(form)", {"schema": schema, "uiSchema": hints, "initial": data})
        expect(library.locator("legend, h5").first).to_have_text(steps[step]["title"])
        controls = library.locator("form :is(input, select, textarea)")
        return sorted(
            set(controls.evaluate_all("all => all.map(each => `${each.type} ${each.name} ${each.required}`)"))
        )

    small, large = {"basic": {"size": "s"}}, {"basic": {"size": "l"}}
    size = "radio root_basic_size false"
    assert drawn(0, {}) == ["text root_name true"]
    assert drawn(1, small) == [size]
    assert drawn(1, large) == [size, "textarea root_basic_reason false"]
    assert drawn(2, small) == []
    assert drawn(2, large) == ["text root_extra_why true"]
    # it leans on another step: always there, and for the server to decide
    assert drawn(3, small) == drawn(3, large) == ["text root_other_far false"]


def choose(page: Page, name: str, value: str) -> None:
    """Set one field of the group `basic`."""
    control = page.locator(f"#root_basic_{name}")
    if name in {"size", "zones"}:
        page.locator(f"label[for^='root_basic_{name}'], label:has([id^='root_basic_{name}-'])").filter(
            has_text=value
        ).first.click()
    elif name == "tier":
        control.select_option(label=value)
    elif name == "alone":
        control.check()
    else:
        control.fill(value)
