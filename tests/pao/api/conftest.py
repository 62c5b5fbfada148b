"""What the tests of the manners have in common."""

import pytest
from pytest_django import Settings


@pytest.fixture(autouse=True)
def _without_collected_files(settings: Settings) -> None:
    """Let the server of static files start in a checkout, where nothing has been collected for production yet."""
    settings.WHITENOISE_AUTOREFRESH = True
