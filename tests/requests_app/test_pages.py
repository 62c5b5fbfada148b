"""The pages: who sees what, what a form shows and keeps, what a poll answers, what a verb says. No JavaScript here."""

import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries, Settings

from catalog.models import CatalogEntry
from pao.core.errors import CallRefused, IdempotencyInProgress, OutcomeUnknown
from requests_app import progress
from requests_app.abort import abort
from requests_app.domain import reasons
from requests_app.models import ResourceRequest, UploadedFile
from requests_app.waiting import wake
from tests.factories import bundle, item, principal, rest, serve, serve_stack, submitted, ticket
from tests.requests_app.ledger import failed as fail_task
from tests.requests_app.ledger import make_due, waits
from tests.requests_app.steps import Signed, claim_next, complete_next, fail_next

pytestmark = pytest.mark.django_db

FIELDS: list[dict[str, Any]] = [
    {"id": "title", "name": "Title", "type": "string", "required": True, "validation": {"pattern": "^[A-Z-]{1,9}$"}},
    {"id": "purpose", "name": "Purpose", "type": "textarea", "validation": {"maxLength": 2000}},
    {"id": "contact", "name": "Contact", "type": "email", "required": True},
    {"id": "secret", "name": "Secret", "type": "password"},
    {"id": "size", "name": "Size", "type": "number", "default": 20, "validation": {"min": 10, "max": 90, "step": 10}},
    {"id": "backup", "name": "Backup", "type": "boolean", "default": True},
    {"id": "kind", "name": "Kind", "type": "select", "required": True, "enum": ["small", "large"]},
    {"id": "tier", "name": "Tier", "type": "select", "enum": [1, 2, 3, 4]},
    {"id": "zones", "name": "Zones", "type": "multiselect", "enum": ["a", "b"], "default": ["b"]},
    {"id": "keys", "name": "Keys", "type": "multiselect"},
    {"id": "until", "name": "Until", "type": "date", "validation": {"min": "2026-01-01"}},
    {"id": "plan", "name": "Plan", "type": "file"},
]
GOOD = {
    "name": "my-archive",
    "basic.title": "INVOICES",
    "basic.contact": "ada@example.com",
    "basic.size": "30",
    "basic.kind": "large",
    "basic.keys": "one\r\ntwo",
}


@pytest.fixture
def archive(people: dict[str, User]) -> str:
    """An entry with a field of every type."""
    serve(item("storage-archive-test", fields=FIELDS))
    return reverse("catalog-entry", args=["storage-archive-test"])


def page_of(request: ResourceRequest) -> str:
    return reverse("request-detail", args=[request.pk])


def live_of(request: ResourceRequest, version: object) -> str:
    return f"{reverse('request-live', args=[request.pk])}?v={version}"


def current(request: ResourceRequest) -> ResourceRequest:
    return ResourceRequest.objects.get(pk=request.pk)


def told(client: Client, url: str) -> str:
    """Return the visible text of a page's messages."""
    found = re.search(r'<ul class="messages".*?</ul>', client.get(url).content.decode(), re.DOTALL)
    assert found is not None
    return found[0]


# --- Who comes in


@pytest.mark.parametrize("name", ["catalog-list", "request-list"])
def test_a_list_asks_who_you_are(client: Client, name: str) -> None:
    answer = client.get(reverse(name))

    assert (answer.status_code, answer.headers["Location"]) == (302, f"/login/?next={reverse(name)}")


def test_a_poll_of_somebody_signed_out_loads_the_page_anew(client: Client, stack: ResourceRequest) -> None:
    answer = client.get(live_of(stack, 1))

    assert (answer.status_code, answer.headers["HX-Refresh"], answer.content) == (401, "true", b"")


@pytest.mark.parametrize(
    ("persona", "reads", "acts"),
    [
        ("requester", 200, 303),
        ("team_mate", 200, 403),
        ("owner", 200, 303),
        ("operator", 200, 303),
        ("auditor", 200, 403),
        ("stranger", 404, 404),  # other people's requests do not exist
    ],
)
def test_who_may_read_and_act(signed: Signed, stack: ResourceRequest, persona: str, reads: int, acts: int) -> None:
    client = signed(persona)

    assert client.get(page_of(stack)).status_code == reads
    assert client.get(live_of(stack, "x")).status_code == reads
    assert client.post(reverse("request-abort", args=[stack.pk])).status_code == acts
    assert current(stack).state == ("aborted" if acts == 303 else "submitted")


@pytest.mark.parametrize("verb", ["request-retry", "request-abort"])
def test_a_verb_is_never_a_link(signed: Signed, failed: ResourceRequest, verb: str) -> None:
    assert signed().get(reverse(verb, args=[failed.pk])).status_code == 405
    assert current(failed).state == "failed"


@pytest.mark.parametrize("verb", ["request-retry", "request-abort"])
def test_a_verb_needs_the_token_of_the_form(signed: Signed, failed: ResourceRequest, verb: str) -> None:
    answer = signed(enforce_csrf_checks=True).post(reverse(verb, args=[failed.pk]))

    assert answer.status_code == 403
    assert "This form is too old" in answer.content.decode()
    assert current(failed).state == "failed"


# --- Signing in during development


@pytest.fixture
def development(settings: Settings) -> None:
    """The development mode, as `./dev run` has it."""
    settings.DEBUG = True
    settings.PAO_AUTH = "dev"


@pytest.mark.parametrize(
    ("wanted", "arrives"),
    [
        ("/requests/", "/requests/"),
        ("", "/"),
        ("https://evil.example.com/", "/"),  # B77: no open redirect
        ("//evil.example.com/", "/"),
    ],
)
def test_one_button_signs_in(
    client: Client, people: dict[str, User], development: None, wanted: str, arrives: str
) -> None:
    assert 'value="requester"' in client.get("/login/").content.decode()

    answer = client.post(reverse("sign-in-as"), {"username": "requester", "next": wanted})

    assert (answer.status_code, answer.headers["Location"]) == (302, arrives)
    assert client.session["_auth_user_id"] == str(people["requester"].pk)


@pytest.mark.parametrize(
    ("username", "address"),
    [
        ("requester", "192.0.2.7"),  # another machine
        ("nobody", "127.0.0.1"),
        ("gone", "127.0.0.1"),  # not active
        ("requester\x00", "127.0.0.1"),
    ],
)
def test_the_button_refuses(
    client: Client, people: dict[str, User], development: None, username: str, address: str
) -> None:
    User.objects.create(username="gone", is_active=False)

    assert client.post(reverse("sign-in-as"), {"username": username}, REMOTE_ADDR=address).status_code == 404
    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize("off", [{"DEBUG": False}, {"PAO_AUTH": "session"}])
def test_without_development_mode_there_is_no_button(
    client: Client, people: dict[str, User], development: None, settings: Settings, off: dict[str, Any]
) -> None:
    for name, value in off.items():
        setattr(settings, name, value)

    assert "requester" not in client.get("/login/").content.decode()
    assert client.post(reverse("sign-in-as"), {"username": "requester"}).status_code == 404


def test_a_wrong_password_says_so_without_naming_the_account(client: Client, people: dict[str, User]) -> None:
    texts = [
        client.post("/login/", {"username": name, "password": "wrong"}).content.decode()
        for name in ("requester", "nobody")
    ]

    assert all("do not match an active account" in text for text in texts)


# --- The catalog


def test_the_catalog_shows_searches_and_sorts_by_category(signed: Signed) -> None:
    serve(item("storage-archive-test", category="storage"), item("database-small-test"))

    def shown(query: str) -> list[str]:
        return re.findall(r'href="/catalog/([a-z-]+)/"', signed().get(f"/{query}").content.decode())

    assert shown("") == ["database-small-test", "storage-archive-test"]
    assert shown("?q=archive") == ["storage-archive-test"]
    assert shown("?category=databases") == ["database-small-test"]
    assert shown("?q=archive&category=databases") == []


def test_a_retired_entry_is_not_shown(signed: Signed, archive: str) -> None:
    CatalogEntry.objects.update(availability="retired")

    assert "storage-archive-test" not in signed().get("/").content.decode()
    assert signed().get(archive).status_code == 404


def test_an_empty_catalog_says_how_to_fill_it(signed: Signed) -> None:
    assert "manage.py sync_catalog" in signed().get("/").content.decode()


@pytest.mark.parametrize("query", ["q=%00", "q=" + "x" * 201, "colour=blue", "q=a&q=b"])
def test_an_address_that_cannot_be_read_is_explained(signed: Signed, query: str) -> None:
    answer = signed().get(f"/?{query}")

    assert answer.status_code == 400
    assert "PAO cannot read this address" in answer.content.decode()


def test_an_unknown_entry_is_explained(signed: Signed) -> None:
    answer = signed().get("/catalog/no-such-entry/")

    assert answer.status_code == 404
    assert "The catalog has no entry" in answer.content.decode()


# --- The form


@pytest.mark.parametrize(
    "control",
    [
        '<input type="text" id="field-name" name="name" value="" required',
        '<input type="text" id="field-basic.title" name="basic.title" value="" required pattern="^[A-Z\\-]{1,9}$"',
        '<textarea id="field-basic.purpose" name="basic.purpose" rows="4" maxlength="2000"',
        '<input type="email" id="field-basic.contact" name="basic.contact" value="" required autocomplete="email"',
        '<input type="password" id="field-basic.secret" name="basic.secret" value="" autocomplete="new-password"',
        '<input type="number" id="field-basic.size" name="basic.size" value="20" min="10" max="90" step="10"',
        '<input type="checkbox" id="field-basic.backup" name="basic.backup" value="true" checked',
        # up to three choices stand side by side
        '<input type="radio" name="basic.kind" value="small" data-json="&quot;small&quot;" required>',
        '<option value="4" data-json="4">4</option>',
        '<input type="checkbox" name="basic.zones" value="b" data-json="&quot;b&quot;" checked',
        '<textarea id="field-basic.keys" name="basic.keys" rows="4"',
        '<input type="date" id="field-basic.until" name="basic.until" value="" min="2026-01-01"',
        '<input type="file" id="field-basic.plan" name="basic.plan" aria-describedby="field-basic.plan-help"',
    ],
)
def test_every_type_has_its_control(signed: Signed, archive: str, control: str) -> None:
    assert control in signed().get(archive).content.decode()


@pytest.mark.parametrize(
    ("validation", "step"),
    [
        ({"min": 10, "step": 10}, "10"),
        ({"min": 5, "step": 10}, "any"),  # browsers count from 5, the server from 0
        ({"step": 10}, "any"),  # browsers count from the value
        ({"min": 0.5, "step": 0.1}, "0.1"),
        ({"min": 1}, "any"),
    ],
)
def test_a_browser_never_refuses_a_number_that_the_server_takes(
    signed: Signed, validation: dict[str, Any], step: str
) -> None:
    serve(item(fields=[{"id": "size", "name": "Size", "type": "number", "validation": validation}]))

    assert f'step="{step}"' in signed().get("/catalog/database-small-test/").content.decode()


CONDITIONAL: list[dict[str, Any]] = [
    {"id": "size", "name": "Size", "type": "select", "enum": ["small", "large"], "default": "small"},
    {
        "id": "reason",
        "name": "Reason",
        "type": "string",
        "required": True,
        "visibleWhen": "current.basic.size == 'large'",
    },
]


def test_a_field_that_is_shown_at_times_says_when_and_browsers_do_not_insist_on_it(signed: Signed) -> None:
    serve(item(fields=CONDITIONAL))

    page = signed().get("/catalog/database-small-test/").content.decode()

    assert '<script src="/static/form.js" defer></script>' in page
    assert "Only when Size is large." in page
    assert 'data-visible-when="{&quot;compare&quot;: &quot;==&quot;, &quot;left&quot;: {&quot;path&quot;:' in page
    assert 'name="basic.reason" value="" data-required aria-describedby="field-basic.reason-when"' in page


@pytest.mark.parametrize(
    ("post", "complaint"),
    [
        # without script a browser sends the hidden field, too
        ({"basic.size": "small", "basic.reason": "forgotten"}, ""),
        ({"basic.size": "large", "basic.reason": ""}, "This is required."),
    ],
)
def test_the_server_decides_what_is_shown(signed: Signed, post: dict[str, str], complaint: str) -> None:
    serve(item(fields=CONDITIONAL))

    answer = signed().post(
        "/catalog/database-small-test/", {"name": "orders", "idempotency_key": str(uuid.uuid4()), **post}
    )

    if complaint:
        assert complaint in answer.content.decode()
        assert not ResourceRequest.objects.exists()
    else:
        assert ResourceRequest.objects.get().form_data == {"name": "orders", "basic": {"size": "small"}}


def test_a_file_for_a_hidden_field_is_not_even_looked_at(signed: Signed) -> None:
    plan = {"id": "plan", "name": "Plan", "type": "file", "visibleWhen": "current.basic.size == 'large'"}
    serve(item(fields=[CONDITIONAL[0], plan | {"validation": {"accept": ["application/pdf"]}}]))
    script = SimpleUploadedFile("run.sh", b"#!/bin/sh\n", "text/x-shellscript")
    post = {"name": "orders", "basic.size": "small", "basic.plan": script, "idempotency_key": str(uuid.uuid4())}

    assert signed().post("/catalog/database-small-test/", post).status_code == 303

    assert ResourceRequest.objects.get().form_data == {"name": "orders", "basic": {"size": "small"}}
    assert not UploadedFile.objects.exists()


def test_what_cannot_be_changed_later_says_so(signed: Signed) -> None:
    serve(item(fields=[{"id": "region", "name": "Region", "type": "string", "immutable": True}]))

    assert "It cannot be changed later." in signed().get("/catalog/database-small-test/").content.decode()


def test_a_page_without_conditions_needs_no_script(signed: Signed, archive: str) -> None:
    assert "<script" not in signed().get(archive).content.decode()


def test_the_page_says_what_will_happen(signed: Signed, settings: Settings) -> None:
    settings.PAO_FORCE_MANUAL = False
    serve(
        item(
            actions=[rest("https://platform.example.com/databases"), rest("https://p.example.com/{{.current.name}}")],
            mode="automatic",
        )
    )

    page = signed().get("/catalog/database-small-test/").content.decode()

    assert "works through 2 tasks" in page
    assert "PAO calls POST https://platform.example.com/databases." in page
    assert "PAO calls POST https://p.example.com/." in page
    assert "Automation is switched off" not in page


def test_the_page_says_when_automation_is_off(signed: Signed, settings: Settings) -> None:
    settings.PAO_FORCE_MANUAL = True
    serve(item(actions=[rest()], mode="automatic"))

    page = signed().get("/catalog/database-small-test/").content.decode()

    assert "Automation is switched off" in page
    assert "A ticket is opened in JIRA, project DBA." in page


def test_a_bundle_shows_its_order_in_words_and_as_a_drawing(signed: Signed) -> None:
    page = signed().get(f"/catalog/{serve_stack()}/").content.decode()

    assert "3 tasks of 3 components" in page
    assert 'aria-label="3 components: database, secrets after database and app after database and secrets."' in page
    assert page.count('class="graph-edge"') == 2  # database → app is said by the longer way


def test_what_is_made_only_at_times_says_when(signed: Signed) -> None:
    switch = {"id": "extra", "name": "Also an extra", "type": "boolean"}
    serve(item("item-a-test", actions=[ticket() | {"when": "current.name != 'none'"}]))
    pair = bundle(components={"a": ()}, fields=[switch])
    pair["components"][0]["when"] = "current.basic.extra == true"
    serve(pair)
    page = signed().get("/catalog/bundle-stack-test/").content.decode()
    assert "Only when Also an extra is ticked." in page
    assert "Only when Name is not none." in page


def test_what_cannot_be_requested_says_why(signed: Signed, archive: str) -> None:
    CatalogEntry.objects.update(availability="unavailable", unavailable_reason="The region is full.")

    page = signed().get(archive).content.decode()
    answer = signed().post(archive, GOOD)

    assert "This entry cannot be requested now." in page
    assert "The region is full." in page
    assert '<button class="primary" type="submit" disabled>' in page
    assert "The region is full." in answer.content.decode()
    assert not ResourceRequest.objects.exists()


# --- Submitting


def test_a_good_form_leads_to_the_tracking_page(signed: Signed, archive: str) -> None:
    answer = signed().post(archive, GOOD)

    stored = ResourceRequest.objects.get()
    assert (answer.status_code, answer.headers["Location"]) == (303, page_of(stored))
    assert stored.form_data == {
        "name": "my-archive",
        "basic": {
            "title": "INVOICES",
            "contact": "ada@example.com",
            "size": 30,
            "backup": False,
            "kind": "large",
            "zones": [],
            "keys": ["one", "two"],
        },
    }


def test_a_double_click_makes_one_request(signed: Signed, archive: str) -> None:
    client = signed()
    key = str(uuid.uuid4())

    answers = [client.post(archive, GOOD | {"idempotency_key": key}) for _ in range(2)]

    assert ResourceRequest.objects.count() == 1
    assert {answer.headers["Location"] for answer in answers} == {page_of(ResourceRequest.objects.get())}


def test_a_second_click_during_the_first_leads_to_the_list(
    signed: Signed, archive: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: Any, **__: Any) -> None:
        raise IdempotencyInProgress

    monkeypatch.setattr("requests_app.pages.entry.guard", busy)
    client = signed()

    answer = client.post(archive, GOOD)

    assert (answer.status_code, answer.headers["Location"]) == (303, "/requests/")
    assert "appears here in a moment" in told(client, "/requests/")


def test_going_back_and_changing_a_value_asks_once_more(signed: Signed, archive: str) -> None:
    client = signed()
    key = str(uuid.uuid4())
    client.post(archive, GOOD | {"idempotency_key": key})

    answer = client.post(archive, GOOD | {"idempotency_key": key, "name": "another-one"})

    page = answer.content.decode()
    assert ResourceRequest.objects.count() == 1
    assert "Nothing was submitted." in page
    assert 'value="another-one"' in page
    assert key not in page


def test_a_refused_form_keeps_what_was_typed_but_no_password(signed: Signed, archive: str) -> None:
    bad = GOOD | {"name": "X!", "basic.purpose": "<b>why</b>", "basic.secret": "hunter2", "basic.size": "many"}

    answer = signed().post(archive, bad)

    page = answer.content.decode()
    assert answer.status_code == 200
    assert not ResourceRequest.objects.exists()
    assert "2 things to correct" in page
    assert '<a href="#field-name">Name</a>' in page
    assert '<a href="#field-basic.size">Size</a>: This must be a number.' in page
    assert 'value="many"' in page
    assert "&lt;b&gt;why&lt;/b&gt;" in page
    assert "hunter2" not in page
    assert page.count('aria-invalid="true"') == 2
    assert 'id="field-name-error"' in page


def test_a_form_that_is_too_large_is_explained(signed: Signed, archive: str) -> None:
    answer = signed().post(archive, GOOD | {"basic.purpose": "x" * 1_100_000})

    assert answer.status_code == 400
    assert "larger than PAO accepts" in answer.content.decode()
    assert not ResourceRequest.objects.exists()


def test_a_field_that_does_not_exist_is_named(signed: Signed, archive: str) -> None:
    page = signed().post(archive, GOOD | {"basic.admin": "true"}).content.decode()

    assert "The form has no such field" in page
    assert not ResourceRequest.objects.exists()


def test_a_form_that_changed_meanwhile_is_shown_anew(signed: Signed, archive: str) -> None:
    page = signed().post(archive, GOOD | {"form_version": "0123456789ab"}).content.decode()

    assert "has a newer form" in page
    assert 'value="INVOICES"' in page
    assert not ResourceRequest.objects.exists()


# --- Tracking


def test_the_tracking_page_tells_how_far_it_is(signed: Signed, stack: ResourceRequest) -> None:
    complete_next(stack)

    page = signed().get(page_of(stack)).content.decode()

    assert "1 of 3 tasks completed" in page
    assert '<progress class="bar-active" value="1" max="3"' in page
    assert '<a class="ticket" href="https://jira.example.com/DBA-1"' in page
    assert "db.internal" in page
    assert "after database and secrets" in page
    assert stack.correlation_id in page
    assert "secrets after database (queued)" in page


def test_a_failure_comes_first_with_cause_next_step_and_verbs(signed: Signed, failed: ResourceRequest) -> None:
    page = signed().get(page_of(failed)).content.decode()

    assert page.index("This needs a decision") < page.index('id="timeline-title"')
    assert "Task 2 of 3, secrets, failed:</strong> JIRA says no." in page
    assert "Correct what the other side names, then retry." in page
    assert "Nothing was retried automatically." in page
    assert "Runs 1 task again and then goes on with 1 more." in page
    assert "2 tasks will not run. What exists already stays: DBA-1." in page


def test_what_waits_says_for_what_when_it_is_looked_at_and_what_an_abort_means(signed: Signed) -> None:
    request = submitted(serve_stack(), by=principal("requester"))
    waits(request.tasks.get(component_id="database"))
    page = signed().get(page_of(request)).content.decode()

    said = " ".join(re.sub(r"<[^>]+>", "", page).split())
    assert re.search(
        r"Waits for the job of the other side\. Looked at again at [\d:]+ UTC\. Given up at [\d:]+ UTC", said
    )
    assert "2 tasks will not run. 1 task will wait no longer; what was begun outside goes on there." in page
    assert "database (waiting)" in page

    waiting = request.tasks.get(component_id="database")
    make_due(waiting)
    wake(waiting.pk, 1)
    waits(waiting, looks_after=None)
    assert "Looked at again" not in signed().get(page_of(request)).content.decode()


def test_what_waits_beside_a_failed_task_is_not_handed_over(signed: Signed) -> None:
    serve(item("item-left-test"), item("item-right-test"))
    serve(bundle(components={"left": (), "right": ()}, mode="parallel"))
    request = submitted("bundle-stack-test", by=principal("requester"))
    waits(request.tasks.get(component_id="left"))
    fail_task(request.tasks.get(component_id="right"))
    assert "Hands 1 task over to people" in signed().get(page_of(request)).content.decode()


def test_who_may_not_act_is_told_who_does(signed: Signed, failed: ResourceRequest) -> None:
    page = signed("auditor").get(page_of(failed)).content.decode()

    assert "an operator decides" in page
    assert 'name="reason"' not in page


def test_without_javascript_the_page_loads_itself_only_while_something_moves(
    signed: Signed, stack: ResourceRequest
) -> None:
    refresh = '<noscript><meta http-equiv="refresh" content="5"></noscript>'
    assert refresh in signed().get(page_of(stack)).content.decode()

    fail_next(stack, CallRefused("No."))

    assert refresh not in signed().get(page_of(stack)).content.decode()  # it would wipe a reason being typed


def test_an_ended_request_is_not_polled(signed: Signed, stack: ResourceRequest) -> None:
    abort(resource_request_id=stack.pk, by=principal("requester"), reason="Not needed.")

    page = signed().get(page_of(stack)).content.decode()

    assert "hx-get" not in page
    assert "0 of 3 tasks completed, 3 skipped" in page
    assert '<progress class="bar-quiet" value="0" max="3"' in page


def test_what_a_condition_skipped_says_why_and_counts_as_done(signed: Signed, stack: ResourceRequest) -> None:
    complete_next(stack)
    reason = reasons.condition_false(
        "Its condition does not hold: current.basic.backup (current.basic.backup is missing)."
    )
    assert progress.skip(claim_next(stack), reason=reason)

    page = signed().get(page_of(stack)).content.decode()

    assert "1 of 3 tasks completed, 1 skipped" in page
    assert 'value="2" max="3"' in page
    assert "Its condition does not hold: current.basic.backup" in page
    assert "2 of 3" in signed().get("/requests/").content.decode()


def test_an_aborted_request_is_polled_until_its_last_task_has_ended(
    signed: Signed, stack: ResourceRequest, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client = signed()
    lease = claim_next(stack)
    abort(resource_request_id=stack.pk, by=principal("requester"), reason="Not needed.")
    aborted = current(stack).version

    page = client.get(page_of(stack)).content.decode()
    with django_assert_num_queries(4):  # session, user, groups – and one of the request
        unchanged = client.get(live_of(stack, aborted))
    progress.complete(lease, outputs={})
    ended = client.get(live_of(stack, aborted))

    assert f'live?v={aborted}"' in page
    assert '<meta http-equiv="refresh"' in page
    assert unchanged.status_code == 204
    assert ended.status_code == 286
    assert "1 of 3 tasks completed, 2 skipped" in ended.content.decode()


def test_an_unchanged_request_answers_a_poll_with_one_query(
    signed: Signed, stack: ResourceRequest, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client = signed()
    version = current(stack).version

    with django_assert_num_queries(4):  # session, user, groups – and one of the request
        answer = client.get(live_of(stack, version))

    assert (answer.status_code, answer.content) == (204, b"")


def test_a_poll_gets_what_changed_and_then_the_end(signed: Signed, stack: ResourceRequest) -> None:
    client = signed()
    version = current(stack).version
    complete_next(stack)

    changed = client.get(live_of(stack, version))
    complete_next(stack)
    complete_next(stack)
    ended = client.get(live_of(stack, current(stack).version))

    assert changed.status_code == 200
    assert f'live?v={version}"' not in changed.content.decode()
    assert 'hx-swap-oob="innerHTML:#announcer">processing, 1 of 3 tasks completed' in changed.content.decode()
    assert ended.status_code == 286
    assert "hx-get" not in ended.content.decode()


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>'])
def test_nothing_from_outside_becomes_markup(signed: Signed, text: str) -> None:
    serve(item(name=text, fields=[{"id": "note", "name": text, "type": "textarea"}]))
    made = submitted("database-small-test", {"name": "my-thing", "basic": {"note": text}}, principal("requester"))
    fail_next(made, CallRefused(f"JIRA says {text}"))

    for url in ("/", "/catalog/database-small-test/", "/requests/", page_of(made)):
        assert text not in signed().get(url).content.decode()


def test_a_reference_that_is_no_web_address_is_no_link(signed: Signed, stack: ResourceRequest) -> None:
    complete_next(stack, key="DBA-9", url="javascript:alert(1)")

    page = signed().get(page_of(stack)).content.decode()

    assert "DBA-9" in page
    assert "javascript:" not in page


def test_a_password_never_comes_back(signed: Signed, archive: str) -> None:
    client = signed()
    answer = client.post(archive, GOOD | {"basic.secret": "hunter2-hunter2"})

    page = client.get(answer.headers["Location"]).content.decode()

    assert "[secret]" in page
    assert "hunter2" not in page


def test_what_a_page_costs_does_not_grow_with_the_bundle(
    signed: Signed, failed: ResourceRequest, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    client = signed()
    components = {f"part{number}": () for number in range(12)}
    serve(*(item(f"item-{name}-test") for name in components), bundle("bundle-wide-test", components=components))
    wide = submitted("bundle-wide-test", by=principal("requester"))

    for made in (failed, wide):
        with django_assert_max_num_queries(10):  # two of them for whom to ask, where the process keeps no entry
            client.get(page_of(made))


# --- Verbs


def test_retry_runs_again_and_says_so(signed: Signed, failed: ResourceRequest) -> None:
    client = signed()

    answer = client.post(reverse("request-retry", args=[failed.pk]), {"reason": "labels corrected"})

    assert (answer.status_code, answer.headers["Location"]) == (303, page_of(failed))
    assert current(failed).state == "retrying"
    assert "It runs again." in told(client, page_of(failed))
    assert failed.log_lines.filter(message__contains="labels corrected").exists()


def test_a_button_pressed_twice_acts_once(signed: Signed, failed: ResourceRequest) -> None:
    client = signed()
    key = str(uuid.uuid4())

    for _ in range(2):
        client.post(reverse("request-retry", args=[failed.pk]), {"idempotency_key": key})

    assert "Nothing was done" not in told(client, page_of(failed))
    assert failed.tasks.get(component_id="secrets").attempt == 2


def test_a_verb_that_came_too_late_says_what_is_possible(signed: Signed, stack: ResourceRequest) -> None:
    client = signed()

    client.post(reverse("request-retry", args=[stack.pk]))

    said = told(client, page_of(stack))
    assert "Nothing was done. The request is submitted; retry is not possible now." in said
    assert "Possible now: abort." in said


@pytest.mark.parametrize(("sent", "state"), [({}, "failed"), ({"confirm_no_effect": "true"}, "retrying")])
def test_an_unknown_outcome_is_retried_only_by_somebody_who_has_looked(
    signed: Signed, stack: ResourceRequest, sent: dict[str, str], state: str
) -> None:
    fail_next(stack, OutcomeUnknown("JIRA did not answer."))
    client = signed()
    assert 'name="confirm_no_effect"' in client.get(page_of(stack)).content.decode()

    client.post(reverse("request-retry", args=[stack.pk]), sent)

    assert current(stack).state == state


@pytest.mark.parametrize("reason", ["x" * 501, "with\x00null"])
def test_a_reason_that_cannot_be_stored_is_refused(signed: Signed, failed: ResourceRequest, reason: str) -> None:
    client = signed()

    client.post(reverse("request-abort", args=[failed.pk]), {"reason": reason})

    assert current(failed).state == "failed"
    assert "Nothing was done" in told(client, page_of(failed))


# --- My requests


def test_the_list_shows_own_requests_or_all_that_may_be_seen(signed: Signed) -> None:
    serve(item())
    for who in ("requester", "team_mate", "stranger"):
        teams = ("elsewhere",) if who == "stranger" else ("webshop",)
        submitted("database-small-test", {"name": f"of-{who.replace('_', '-')}"}, principal(who, teams=teams))

    def shown(query: str = "") -> list[str]:
        return re.findall(r'class="row-link" [^>]*>([a-z-]+)<', signed().get(f"/requests/{query}").content.decode())

    assert shown() == ["of-requester"]
    assert shown("?scope=all") == ["of-team-mate", "of-requester"]
    assert shown("?scope=all&q=mate") == ["of-team-mate"]
    assert shown("?scope=all&state=failed") == []
    assert shown("?state=submitted,processing") == ["of-requester"]


def test_older_requests_are_one_link_away(signed: Signed, django_assert_max_num_queries: Callable[..., Any]) -> None:
    serve(item())
    for number in range(27):
        submitted("database-small-test", {"name": f"thing-{number:02}"}, principal("requester"))
    client = signed()

    with django_assert_max_num_queries(5):
        first = client.get("/requests/").content.decode()
    older = re.search(r'href="(\?[^"]*cursor=[^"]*)" rel="next"', first)
    assert older is not None
    second = client.get(f"/requests/{older[1].replace('&amp;', '&')}").content.decode()

    assert first.count("row-link") == 25
    assert re.findall(r"thing-\d\d", second) == ["thing-01", "thing-00"]
    assert 'rel="prev"' in second


def test_the_list_counts_what_is_completed_in_every_state(signed: Signed, stack: ResourceRequest) -> None:
    complete_next(stack)
    abort(resource_request_id=stack.pk, by=principal("requester"), reason="Not needed.")
    submitted("bundle-stack-test", by=principal("requester"))

    page = signed().get("/requests/").content.decode()

    assert re.findall(r"</progress> (\d of \d)<", page) == ["0 of 3", "1 of 3"]


def test_a_cursor_of_another_list_leads_to_the_beginning(signed: Signed, stack: ResourceRequest) -> None:
    client = signed()

    answer = client.get("/requests/?state=failed&cursor=forged")

    assert (answer.status_code, answer.headers["Location"]) == (302, "/requests/?state=failed")
    assert "here is its beginning" in told(client, "/requests/?state=failed")


# --- The policy that the Content-Security-Policy holds in browsers, held here too


INLINE = re.compile(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|hx-on|javascript:", re.IGNORECASE)


def test_no_page_has_anything_inline(signed: Signed, failed: ResourceRequest, archive: str, client: Client) -> None:
    browser = signed()
    answers = [
        client.get("/login/"),
        *(browser.get(url) for url in ("/", archive, "/requests/", page_of(failed), "/catalog/none/")),
        browser.post(archive, {"name": "X!"}),
    ]

    for answer in answers:
        assert INLINE.search(answer.content.decode()) is None
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]


def test_an_unknown_address_and_a_fault_have_pages(signed: Signed, monkeypatch: pytest.MonkeyPatch) -> None:
    client = signed()
    client.raise_request_exception = False
    assert "There is nothing here" in client.get("/nowhere").content.decode()

    monkeypatch.setattr("requests_app.queries.visible_to", lambda _: 1 / 0)
    answer = client.get("/requests/")

    assert answer.status_code == 500
    assert "Something went wrong inside PAO" in answer.content.decode()
    assert "ZeroDivisionError" not in answer.content.decode()
