"""The error tree: stable codes, a sentence as docstring, and what to do next."""

import inspect

import pytest

from pao.core import errors
from pao.core.errors import Detail, PaoError

CLASSES = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, PaoError)]


@pytest.mark.parametrize("error", CLASSES, ids=lambda error: error.__name__)
def test_a_class_has_a_code_a_sentence_and_a_next_step(error: type[PaoError]) -> None:
    assert error.code.replace("_", "").isalpha()
    assert error.code == error.code.upper()
    sentence = inspect.getdoc(error)
    assert sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert error.next_step.endswith(".")


@pytest.mark.parametrize("error", CLASSES, ids=lambda error: error.__name__)
def test_the_tree_in_the_docstring_names_the_class(error: type[PaoError]) -> None:
    assert error.__name__ in (errors.__doc__ or "")


def test_the_message_is_the_sentence_unless_one_is_given() -> None:
    assert errors.Forbidden().message == "You may see this, but not do that."
    assert str(errors.Forbidden("Not you.")) == errors.Forbidden("Not you.").message == "Not you."


def test_facts_and_details_are_kept() -> None:
    error = errors.InvalidTransition("No.", details=[Detail("a", "wrong")], state="failed", allowed=["retry"])
    assert error.facts == {"state": "failed", "allowed": ["retry"]}
    assert error.details == (Detail("a", "wrong"),)


def test_a_detail_shows_the_members_that_are_set() -> None:
    assert Detail("a.b", "is wrong").as_dict() == {"field": "a.b", "issue": "is wrong"}
    assert Detail("a", "b", "c", "/a").as_dict() == {"field": "a", "issue": "b", "code": "c", "pointer": "/a"}


def test_a_syntax_error_knows_its_offset() -> None:
    error = errors.UnknownNamespaceError("No such namespace.", 7)
    assert (error.offset, error.code) == (7, "TEMPLATE_ERROR")
