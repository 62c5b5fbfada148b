"""Stand-ins for what only a real request has: its ids, and outputs of tasks that did not run.

Rendered in its place is a word of letters and digits, which every context takes as it is: a URL, a header, a label, a
branch. Afterwards the word becomes a name for people: `‹output endpoint of task 2›`. Words are made by chance, so that
nothing that a person types is taken for one.
"""

import base64
import re
import secrets
from collections.abc import Mapping
from typing import Any

_DIGITS = 15
# A word, also in capitals; the beginning of one that a limit has cut; one in base64, where 18 bytes need no padding.
_FOUND = re.compile(rf"(?i:pao[0-9a-f]{{{_DIGITS}}})|pao[0-9a-f]{{2,{_DIGITS - 1}}}(?=…)|cGFv[A-Za-z0-9+/]{{20}}")


class Placeholders:
    """The stand-ins of one dry run."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._words: dict[str, str] = {}

    def word(self, name: str) -> str:
        """Return the word that stands for what has this name, the same for the same name."""
        if name not in self._words:
            word = f"pao{secrets.token_hex(_DIGITS)[:_DIGITS]}"
            self._words[name] = word
            self._names[word] = f"‹{name}›"
            self._names[base64.b64encode(word.encode()).decode()] = f"‹{name}, in base64›"
        return self._words[name]

    def revealed(self, value: Any) -> Any:
        """Return a copy of a JSON value in which every text, names of members too, shows names for words."""
        match value:
            case str():
                return _FOUND.sub(self._name, value)
            case Mapping():
                return {self.revealed(str(key)): self.revealed(member) for key, member in value.items()}
            case list() | tuple():
                return [self.revealed(member) for member in value]
            case _:
                return value

    def _name(self, found: re.Match[str]) -> str:
        text = found[0]
        known = self._names.get(text) or self._names.get(text.lower())
        cut = (name for word, name in self._names.items() if word.startswith(text))
        return known or next(cut, text)
