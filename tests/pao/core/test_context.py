"""Correlation ids that are taken or replaced (B40), and what a principal may do."""

import threading
import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pao.core.context import SYSTEM, Principal, accept_correlation_id, correlated, correlation_id


@pytest.mark.parametrize("offered", ["12345678", "x" * 64, "A-b_c.d-0", str(uuid.UUID(int=7)), "........"])
def test_a_well_formed_id_is_taken(offered: str) -> None:
    assert accept_correlation_id(offered) == offered


@pytest.mark.parametrize(
    "offered",
    [
        None,
        "",
        "1234567",
        "x" * 65,
        "with space",
        "line\nbreak",
        "trailing-newline\n",
        "ümlaut-äöü",
        "a/b/c/d/e",
        "٣" * 8,
    ],
)
def test_a_malformed_id_is_replaced_by_a_fresh_one(offered: str | None) -> None:
    taken = accept_correlation_id(offered)
    assert taken != offered
    assert uuid.UUID(taken).version == 7


@settings(deadline=None)
@given(offered=st.text())
def test_what_is_taken_is_safe_in_a_header_and_in_a_log(offered: str) -> None:
    taken = accept_correlation_id(offered)
    assert 8 <= len(taken) <= 64
    assert taken.isascii()
    assert taken.replace(".", "").replace("_", "").replace("-", "").isalnum() or set(taken) <= set("._-")


@pytest.mark.parametrize(
    ("roles", "operator", "auditor"),
    [((), False, False), (("auditor",), False, True), (("operator",), True, True), (("admin",), False, False)],
)
def test_roles_say_what_a_principal_may_do(roles: tuple[str, ...], operator: bool, auditor: bool) -> None:  # noqa: FBT001 - columns of the table
    somebody = Principal(id="x", roles=frozenset(roles))
    assert (somebody.is_operator, somebody.is_auditor) == (operator, auditor)


def test_pao_itself_may_act_everywhere() -> None:
    assert SYSTEM.is_operator
    assert SYSTEM.method == "internal"


def test_the_id_of_one_thread_does_not_reach_another() -> None:
    seen: list[str] = []
    thread = threading.Thread(target=lambda: seen.append(correlation_id.get()))
    thread.start()
    thread.join()
    assert correlation_id.get() == "correlation-of-test"
    assert seen == [""]


def test_a_request_lends_its_correlation_id_and_takes_it_back() -> None:
    token = correlation_id.set("")
    with correlated("of-the-request"):
        assert correlation_id.get() == "of-the-request"
        with correlated("of-another"):
            assert correlation_id.get() == "of-the-request"
    assert correlation_id.get() == ""
    correlation_id.reset(token)
