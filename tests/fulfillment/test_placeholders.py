"""Stand-ins: words that every place takes, shown by name afterwards."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fulfillment.placeholders import Placeholders

NAME = "output endpoint of task 2"


def test_a_word_is_made_of_letters_and_digits_and_is_the_same_for_the_same_name() -> None:
    names = Placeholders()
    word = names.word(NAME)
    assert word.isascii()
    assert word.isalnum()
    assert (names.word(NAME), word.lower()) == (word, word)
    assert len({word, names.word("another"), Placeholders().word(NAME)}) == 3


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("{word}", f"‹{NAME}›"),
        ("a{word}b{word}", f"a‹{NAME}›b‹{NAME}›"),
        ("{upper}", f"‹{NAME}›"),
        ("{cut}…", f"‹{NAME}›…"),
        ("{cut}", "{cut}"),  # nothing says that it was cut
        ("Basic {base64}", f"Basic ‹{NAME}, in base64›"),
        ("pao000000000000000", "pao000000000000000"),
        ("cGFvMDAwMDAwMDAwMDAwMDAw", "cGFvMDAwMDAwMDAwMDAwMDAw"),
    ],
)
def test_words_become_names(written: str, shown: str) -> None:
    names = Placeholders()
    word = names.word(NAME)
    forms = {
        "word": word,
        "upper": word.upper(),
        "cut": word[:9],
        "base64": base64.b64encode(word.encode()).decode(),
    }
    assert names.revealed(written.format_map(forms)) == shown.format_map(forms)


def test_every_text_of_a_value_is_looked_at_and_nothing_else_changes() -> None:
    names = Placeholders()
    word = names.word("x")
    given_value = {"a": [word, 1, 2.5, True, None, {word: (word,)}]}
    assert names.revealed(given_value) == {"a": ["‹x›", 1, 2.5, True, None, {"‹x›": ["‹x›"]}]}


@given(value=st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=10))
def test_what_holds_no_word_stays_as_it_is(value: object) -> None:
    names = Placeholders()
    names.word("x")
    assert json.dumps(names.revealed(value)) == json.dumps(value)
