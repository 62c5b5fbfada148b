"""The page that shows the difference of the latest version, and its button."""

import pytest
from django.urls import reverse

from requests_app.models import EarlierSnapshot, ResourceRequest
from tests.requests_app.newer import serve_mended, serve_stack_of
from tests.requests_app.steps import Signed

pytestmark = pytest.mark.django_db


def address(request: ResourceRequest) -> str:
    return reverse("request-retry-latest", args=[request.pk])


@pytest.mark.parametrize(
    ("persona", "status"),
    [("requester", 200), ("team_mate", 403), ("stranger", 404), ("owner", 200), ("operator", 200), ("auditor", 403)],
)
def test_whoever_may_retry_sees_the_difference(
    signed: Signed, failed: ResourceRequest, persona: str, status: int
) -> None:
    serve_mended()
    client = signed(persona)
    assert client.get(address(failed)).status_code == status
    if status != 404:
        tracking = client.get(reverse("request-detail", args=[failed.pk])).content.decode()
        assert (address(failed) in tracking) is (status == 200)


def test_the_difference_is_shown_before_the_button(signed: Signed, failed: ResourceRequest) -> None:
    serve_mended()
    page = signed().get(address(failed)).content.decode()
    assert '<span class="added">+            project: MENDED</span>' in page
    for words in ("1. jira-ticket of database", "Stays as it was done.", "Is new in this version."):
        assert words in page
    assert page.index("MENDED") < page.index("Retry on version 2.0.0</button>")


def test_the_button_takes_what_was_seen_once(signed: Signed, failed: ResourceRequest) -> None:
    serve_mended()
    client = signed()
    context = client.get(address(failed)).context
    sent = {"on": "latest", "seen": context["view"].seen, "idempotency_key": context["key"], "reason": "mended"}
    page = client.post(reverse("request-retry", args=[failed.pk]), sent, follow=True).content.decode()
    client.post(reverse("request-retry", args=[failed.pk]), sent)
    failed.refresh_from_db()
    assert (failed.state, EarlierSnapshot.objects.count()) == ("retrying", 1)
    assert "It runs again." in page


def test_what_moved_meanwhile_is_said(signed: Signed, failed: ResourceRequest) -> None:
    serve_mended()
    sent = {"on": "latest", "seen": "0123456789abcdef"}
    page = signed().post(reverse("request-retry", args=[failed.pk]), sent, follow=True).content.decode()
    assert "has changed since you saw the difference" in page
    assert not EarlierSnapshot.objects.exists()


def test_what_is_not_possible_has_no_button_and_says_why(signed: Signed, failed: ResourceRequest) -> None:
    serve_stack_of({"secrets": (), "app": ("secrets",)})
    page = signed().get(address(failed)).content.decode()
    assert "1. jira-ticket of database was done" in page
    assert "</button>" not in page.split("This is not possible")[1].split("</main>")[0]


def test_a_request_that_has_not_failed_says_so(signed: Signed, stack: ResourceRequest) -> None:
    answer = signed().get(address(stack))
    assert answer.status_code == 409
    assert "retry is not possible now" in answer.content.decode()
