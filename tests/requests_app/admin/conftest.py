"""Browsers of staff: what they may see and press is decided by their roles."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client

Staff = Callable[[str], Client]


@pytest.fixture
def staff(people: dict[str, User]) -> Staff:
    """Return a browser in which a persona, with staff status, is signed in."""

    def client(persona: str) -> Client:
        people[persona].is_staff = True
        people[persona].save()
        browser = Client()
        browser.force_login(people[persona])
        return browser

    return client
