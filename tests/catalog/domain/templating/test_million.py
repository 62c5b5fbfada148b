"""The long run, in short: 20,000 values in all places, the same in every run."""

from typing import Any

import pytest

from catalog.domain.templating import render_label
from tests.catalog.domain.templating import million, test_structure


def test_twenty_thousand_values_change_no_structure() -> None:
    assert million.check_values(20_000, seed=1) >= 20_000


def test_a_renderer_that_lets_a_value_out_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def leaky(template: Any, scope: Any) -> str:
        label = render_label(template, scope)
        return f"{label} " if "/" in label else label

    monkeypatch.setattr(test_structure, "render_label", leaky)
    with pytest.raises(AssertionError):
        million.check_values(20_000, seed=1)


def test_all_properties_are_run() -> None:
    assert {name for name, _, _ in million.properties()} > {
        "test_a_label_has_no_white_space",
        "test_a_value_arrives_in_hcl_and_opens_no_expression",
    }
