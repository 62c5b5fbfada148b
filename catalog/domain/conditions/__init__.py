"""Conditions: `when` of actions and components, `visibleWhen` of groups and fields. The language: docs/templates.md.

`parse_condition` reads a text once; a `Condition` tells what it refers to and whether it holds for a scope. For forms,
`form_problem` says what no stock form could decide, and `as_json_schema` and `as_data` write the rest for browsers.
"""

from catalog.domain.conditions.grammar import Condition, parse_condition
from catalog.domain.conditions.tokens import MAX_LENGTH
from catalog.domain.conditions.written import as_data, as_json_schema, explained, form_problem, spelled
from pao.core.errors import ConditionSyntaxError

__all__ = [
    "MAX_LENGTH",
    "Condition",
    "ConditionSyntaxError",
    "as_data",
    "as_json_schema",
    "explained",
    "form_problem",
    "parse_condition",
    "spelled",
]
