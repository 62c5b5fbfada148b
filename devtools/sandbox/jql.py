"""The part of JQL that PAO needs: field = value, field in (…), created >= age, joined by AND, then ORDER BY."""

import re
from dataclasses import dataclass

FIELDS = {
    "labels": "labels",
    "label": "labels",
    "project": "project",
    "key": "key",
    "issue": "key",
    "issuekey": "key",
    "id": "key",
    "status": "status",
    "creator": "creator",
    "created": "created",
}
ME = "currentUser()"
AGE = re.compile(r"-([0-9]{1,5})([mhdw])")
AGE_SECONDS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}
ORDERS = {"created", "updated", "key", "id", "project"}
TOKEN = re.compile(r"""\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([=(),]|!=|>=|[^\s=(),!"']+))""")


class JqlError(ValueError):
    """The query is not understood; the message is shown to the caller as JIRA does."""


@dataclass(frozen=True)
class Query:
    """Conditions that must all hold, each a field and the values it may have, and the order of the result."""

    conditions: tuple[tuple[str, tuple[str, ...]], ...]
    order: tuple[tuple[str, bool], ...]  # field, descending

    def values(self, field: str) -> tuple[str, ...] | None:
        """Return the values of the first condition on a field, or None without one."""
        return next((values for name, values in self.conditions if name == field), None)


@dataclass(frozen=True)
class _Token:
    text: str
    quoted: bool

    def is_word(self, *words: str) -> bool:
        return not self.quoted and self.text.lower() in words


def parse(text: str) -> Query:
    """Return the query that a JQL text means.

    Raises:
        JqlError: the text is no JQL, or JQL beyond the sandbox's subset.

    """
    tokens = _tokens(text)
    conditions: list[tuple[str, tuple[str, ...]]] = []
    while tokens and not tokens[0].is_word("order"):
        if conditions and not tokens.pop(0).is_word("and"):
            raise JqlError("Error in the JQL Query: Expecting 'AND' (the sandbox knows only AND) or 'ORDER BY'.")
        conditions.append(_condition(tokens))
    return Query(tuple(conditions), _order(tokens))


def _tokens(text: str) -> list[_Token]:
    tokens = []
    position = 0
    text = text.rstrip()
    while position < len(text):
        found = TOKEN.match(text, position)
        if found is None:
            raise JqlError(f"Error in the JQL Query: '{text[position:].strip()[:20]}' is not understood.")
        double, single, bare = found.groups()
        if bare is not None:
            tokens.append(_Token(bare, quoted=False))
        else:
            tokens.append(_Token(re.sub(r"\\(.)", r"\1", double if double is not None else single), quoted=True))
        position = found.end()
    return tokens


def _next(tokens: list[_Token], wanted: str) -> _Token:
    if not tokens:
        raise JqlError(f"Error in the JQL Query: Expecting {wanted} before the end of the query.")
    return tokens.pop(0)


def _condition(tokens: list[_Token]) -> tuple[str, tuple[str, ...]]:
    name = _next(tokens, "a field")
    field = FIELDS.get(name.text.lower())
    if field is None:
        raise JqlError(f"Field '{name.text}' does not exist or you do not have permission to view it.")
    operator = _next(tokens, "an operator")
    if field == "created":
        return field, (_age(operator, tokens),)
    if operator.is_word("="):
        return field, (_value(tokens),)
    if not operator.is_word("in") or not _next(tokens, "'('").is_word("("):
        raise JqlError(f"Error in the JQL Query: the sandbox knows only '=' and 'in (…)' after '{name.text}'.")
    values = [_value(tokens)]
    while (sign := _next(tokens, "')'")).is_word(","):
        values.append(_value(tokens))
    if not sign.is_word(")"):
        raise JqlError(f"Error in the JQL Query: Expecting ')' but got '{sign.text}'.")
    return field, tuple(values)


def _age(operator: _Token, tokens: list[_Token]) -> str:
    if not operator.is_word(">="):
        raise JqlError("Error in the JQL Query: the sandbox knows only '>=' after 'created'.")
    value = _value(tokens)
    if AGE.fullmatch(value) is None:
        raise JqlError(f"Date value '{value}' for field 'created' is invalid. The sandbox knows ages such as '-30d'.")
    return value


def seconds(age: str) -> int:
    """Return how many seconds an age such as -30d goes back."""
    number, unit = age[1:-1], age[-1]
    return int(number) * AGE_SECONDS[unit]


def _value(tokens: list[_Token]) -> str:
    token = _next(tokens, "a value")
    if token.is_word("=", "(", ")", ",", "and", "or", "order", "!="):
        raise JqlError(f"Error in the JQL Query: '{token.text}' is no value. Put it in quotes.")
    if token.is_word("currentuser") and [one.text for one in tokens[:2]] == ["(", ")"]:
        del tokens[:2]
        return ME
    return token.text


def _order(tokens: list[_Token]) -> tuple[tuple[str, bool], ...]:
    if not tokens:
        return ()
    tokens.pop(0)
    if not _next(tokens, "'BY'").is_word("by"):
        raise JqlError("Error in the JQL Query: Expecting 'BY' after 'ORDER'.")
    order = []
    while True:
        field = _next(tokens, "a field").text.lower()
        if field not in ORDERS:
            raise JqlError(f"Not able to sort using field '{field}'.")
        descending = bool(tokens) and tokens[0].is_word("desc")
        if tokens and tokens[0].is_word("asc", "desc"):
            tokens.pop(0)
        order.append((field, descending))
        if not tokens:
            return tuple(order)
        if not tokens.pop(0).is_word(","):
            raise JqlError("Error in the JQL Query: Expecting ',' or the end of the query.")
