"""Documents as values: what people read is free of characters that hide or reorder text, whatever was pushed (B17)."""

from dataclasses import asdict

import pytest

from catalog.domain.checker import check
from tests.catalog.domain.catalog_files import ITEM_FILE, changed

HIDDEN = "\u202e"
# (old, new) in the item; what the value says, as it was and is.
SHOWN = [
    ("name: Small Database", f"name: Small{HIDDEN} Database"),
    ("A small database for tests", f"A small{HIDDEN} database\u200b for tests"),
    ("contact: databases@example.com", f"contact: databases@{HIDDEN}example.com"),
    ("name: Database Name", f"name: Database{HIDDEN} Name"),
    ("name: Basic", f"name: Basic{HIDDEN}"),
    ("name: Title,", f"name: Title{HIDDEN},"),
    ("id: basic\n        name: Basic", f'id: basic\n        name: "{HIDDEN}"'),
]


@pytest.mark.parametrize(("old", "new"), SHOWN)
def test_what_people_read_hides_and_reorders_nothing(old: str, new: str) -> None:
    clean = check(changed(ITEM_FILE), profile="strict").entries
    pushed = check(changed(ITEM_FILE, (old, new)), profile="strict").entries
    assert [asdict(entry.document) for entry in pushed] == [asdict(entry.document) for entry in clean]
    (definition,) = [str(entry.definition) for entry in pushed if entry.file == ITEM_FILE]
    assert repr(HIDDEN).strip("'") in definition, "the definition stays as it was pushed"


def test_help_texts_of_fields_hide_nothing() -> None:
    texts = f'{{id: title, name: Title, description: "a{HIDDEN}b", placeholder: "c{HIDDEN}d", '
    pushed = check(changed(ITEM_FILE, ("{id: title, name: Title, ", texts)), profile="strict").entries
    (item,) = [entry.document for entry in pushed if entry.file == ITEM_FILE]
    field = item.form.groups[0].fields[0]
    assert (field.description, field.placeholder) == ("ab", "cd")


def test_a_name_of_hidden_characters_alone_is_the_id() -> None:
    pushed = check(changed(ITEM_FILE, ("name: Small Database", f'name: "{HIDDEN}"')), profile="strict").entries
    assert "database-small-test" in [entry.document.metadata.name for entry in pushed]
