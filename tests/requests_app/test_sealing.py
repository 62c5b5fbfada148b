"""Secrets at rest: sealed by the first key, opened by every key, readable without one by nobody (B60 to B64)."""

from typing import Any

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django import Settings

from pao.core.errors import SecretUnavailable
from requests_app.sealing import seal, unseal

OLD, NEW, FOREIGN = (Fernet.generate_key().decode() for _ in range(3))


@hypothesis_settings(deadline=None, max_examples=30)
@given(values=st.dictionaries(st.text(), st.text() | st.integers() | st.booleans(), max_size=3))
def test_what_was_sealed_comes_back(values: dict[str, Any]) -> None:
    assert unseal(seal(values)) == values


def test_sealed_text_shows_neither_names_nor_values() -> None:
    sealed = seal({"basic.secret": "canary"})
    assert sealed.isascii()
    assert "canary" not in sealed
    assert "basic" not in sealed


def test_nothing_to_seal_is_an_empty_text_and_needs_no_key(settings: Settings) -> None:
    settings.PAO_SEALING_KEYS = []
    assert seal({}) == ""
    assert unseal("") == {}


def test_the_same_values_never_look_the_same_twice() -> None:
    assert seal({"a": "b"}) != seal({"a": "b"})


def test_a_new_key_seals_and_the_old_one_still_opens(settings: Settings) -> None:
    settings.PAO_SEALING_KEYS = [OLD]
    before = seal({"a": "b"})
    settings.PAO_SEALING_KEYS = [NEW, OLD]
    assert unseal(before) == {"a": "b"}
    after = seal({"a": "b"})
    settings.PAO_SEALING_KEYS = [NEW]
    assert unseal(after) == {"a": "b"}
    with pytest.raises(SecretUnavailable):
        unseal(before)


@pytest.mark.parametrize(
    ("keys", "words"),
    [([FOREIGN], "No key in PAO_SEALING_KEYS opens"), ([], "PAO_SEALING_KEYS is empty")],
)
def test_without_the_right_key_nothing_opens(settings: Settings, keys: list[str], words: str) -> None:
    settings.PAO_SEALING_KEYS = [OLD]
    sealed = seal({"a": "canary"})
    settings.PAO_SEALING_KEYS = keys
    with pytest.raises(SecretUnavailable, match=words) as refused:
        unseal(sealed)
    assert "canary" not in str(refused.value)
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


@pytest.mark.parametrize("change", [lambda text: text[:-4], lambda text: "A" + text[1:], lambda _: "no token at all"])
def test_a_changed_token_is_refused(settings: Settings, change: Any) -> None:
    settings.PAO_SEALING_KEYS = [OLD]
    with pytest.raises(SecretUnavailable):
        unseal(change(seal({"a": "b"})))
