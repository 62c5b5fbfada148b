"""A catalog repository that the settings name, with a data folder of its own."""

from pathlib import Path

import pytest
from pytest_django import Settings

from tests.catalog.repository import Repository


@pytest.fixture
def repository(tmp_path: Path, settings: Settings) -> Repository:
    """Return an empty repository; PAO_CATALOG_REPOSITORY leads to it."""
    made = Repository(tmp_path / "repository")
    settings.PAO_CATALOG_REPOSITORY = str(made.folder)
    settings.PAO_CATALOG_REF = "main"
    settings.PAO_DATA_DIR = tmp_path / "data"
    return made
