"""Requests in the states that pages, API and admin show, and browsers that are signed in as a persona."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from pao.core.errors import CallRefused
from requests_app.models import ResourceRequest
from tests.factories import principal, serve_stack, submitted
from tests.requests_app.steps import Signed, complete_next, fail_next


@pytest.fixture
def signed(people: dict[str, User]) -> Signed:
    """Return a browser in which a persona is signed in."""

    def client(persona: str = "requester", *, enforce_csrf_checks: bool = False) -> Client:
        browser = Client(enforce_csrf_checks=enforce_csrf_checks)
        browser.force_login(people[persona])
        return browser

    return client


@pytest.fixture
def stack(people: dict[str, User]) -> ResourceRequest:
    """A bundle of three that the requester asked for; its first task is queued."""
    return submitted(serve_stack(), by=principal("requester", teams=("webshop",)))


@pytest.fixture
def failed(stack: ResourceRequest) -> ResourceRequest:
    """The bundle, one task completed with a ticket, the second refused by JIRA."""
    complete_next(stack)
    fail_next(stack, CallRefused("JIRA says no."))
    return stack
