"""Conditions in words."""

import pytest

from catalog.domain.documents import Field, Form, Group
from requests_app.pages.only_when import only_when

FORM = Form(
    "Bucket Name",
    "",
    (Group("basic", "Basic", (Field("size", "Size", "select"), Field("isPublic", "Public", "boolean"))),),
)


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("", ""),
        ("current.basic.size == 'large'", "Only when Size is large."),
        ("'large' != current.basic.size", "Only when Size is not large."),
        ("5 < current.basic.size", "Only when Size is more than 5."),
        ("current.basic.size <= 2.5", "Only when Size is at most 2.5."),
        ("current.basic.size in ['m', 'l', null]", "Only when Size is m or l or empty."),
        ("'a' in current.basic.size", "Only when Size has a."),
        ("current.basic.size != null", "Only when Size is not empty."),
        ("current.basic.size == ''", "Only when Size is empty."),
        ("current.basic.isPublic", "Only when Public is ticked."),
        ("!current.basic.isPublic", "Only when Public is not ticked."),
        ("current.basic.isPublic == false", "Only when Public is not ticked."),
        ("current.basic.isPublic != false", "Only when Public is ticked."),
        (
            "current.name == 'x' && (current.basic.isPublic || !(current.basic.size == 's'))",
            "Only when Bucket Name is x and (Public is ticked or not (Size is s)).",
        ),
        ("current.basic.plan.name == 'a'", "Only when current.basic.plan.name is a."),
    ],
)
def test_a_condition_in_words(condition: str, words: str) -> None:
    assert only_when(condition, FORM) == words
