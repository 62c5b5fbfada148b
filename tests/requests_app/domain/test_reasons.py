"""Every state carries why: a code, a sentence, and what to do next."""

import pytest

from pao.core.errors import ActionFailed, OutcomeUnknown, TemplateError
from requests_app.domain import reasons
from requests_app.domain.reasons import Reason

NAMED = {name: value for name, value in vars(reasons).items() if isinstance(value, Reason)}
FINAL = {"DONE", "ALL_DONE", "REQUEST_ENDED"}  # nothing is left to do


@pytest.mark.parametrize("name", NAMED)
def test_a_reason_is_named_after_its_code_and_says_a_sentence(name: str) -> None:
    reason = NAMED[name]
    assert reason.code == name
    assert reason.sentence.endswith(".")
    assert bool(reason.next_step) is (name not in FINAL)


def test_a_reason_is_stored_with_its_three_members() -> None:
    assert Reason("CODE", "What happened.", "Do this.").as_dict() == {
        "code": "CODE",
        "sentence": "What happened.",
        "next_step": "Do this.",
    }


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (TemplateError("The template is wrong."), "TEMPLATE_ERROR"),
        (OutcomeUnknown("The answer was lost."), "OUTCOME_UNKNOWN"),
        (ActionFailed("No such type.", code="UNKNOWN_ACTION_TYPE"), "UNKNOWN_ACTION_TYPE"),  # finer than the class
    ],
)
def test_an_error_becomes_the_reason_with_its_words(error: ActionFailed | TemplateError, code: str) -> None:
    assert reasons.from_error(error) == Reason(code, error.message, error.next_step)


@pytest.mark.parametrize(
    ("given", "sentence"), [("", "Aborted by dana."), ("not needed any more", "Aborted by dana: not needed any more")]
)
def test_an_abort_names_the_person_and_the_reason_given(given: str, sentence: str) -> None:
    assert reasons.aborted(given, "dana") == Reason("ABORTED", sentence, "")


def test_a_halted_request_names_the_task_and_keeps_its_cause() -> None:
    cause = Reason("CALL_REFUSED", "JIRA said 400.", "Correct it.")
    assert reasons.task_halted("2. jira-ticket of app", cause) == Reason(
        "CALL_REFUSED", "2. jira-ticket of app: JIRA said 400.", "Correct it."
    )
