"""Readers that the renderers know nothing of: YAML by the rules of 1.1 and of 1.2, and HCL by its specification."""

import re
from typing import Any

import yaml

_BASE: Any = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader


class _Core(_BASE):  # type: ignore[misc] # PyYAML has no types for its loaders
    """YAML 1.2's core schema: PyYAML's constructors, and other words that mean something."""


_Core.yaml_implicit_resolvers = {}
for _tag, _words, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"null|Null|NULL|~|", "nN~\0"),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789"),
):
    _Core.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_words})$"), [*_first, ""])


def _decimal(loader: Any, node: Any) -> int:
    return int(loader.construct_scalar(node))


def _float(loader: Any, node: Any) -> float:
    return float(loader.construct_scalar(node))


_Core.add_constructor("tag:yaml.org,2002:int", _decimal)
_Core.add_constructor("tag:yaml.org,2002:float", _float)


def yaml_1_1(text: str) -> Any:
    """Return what PyYAML, and so Ansible, reads."""
    return yaml.load(text, Loader=_BASE)  # noqa: S506 - a safe loader


def yaml_1_2(text: str) -> Any:
    """Return what a reader of YAML 1.2's core schema reads."""
    return yaml.load(text, Loader=_Core)  # noqa: S506 - built on a safe loader


_HCL_STRING = re.compile(r'"((?:[^"\\\n]|\\(?:["\\ntr]|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}))*)"')
_HCL_ESCAPE = re.compile(r'\\(["\\ntr]|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})|(\$\$|%%)(?=\{)')
_HCL_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:e[-+]?[0-9]+)?")
_HCL_SHORT = {'"': '"', "\\": "\\", "n": "\n", "t": "\t", "r": "\r"}


def hcl_text(written: str) -> str:
    """Return what the inside of a quoted text says; raises when an expression opens in it."""
    if re.search(r"(?<![$])[$]\{|(?<!%)%\{", written):
        raise ValueError("an expression opens")
    return _HCL_ESCAPE.sub(_unescaped, written)


def _unescaped(found: re.Match[str]) -> str:
    if found[2]:
        return found[2][0]
    return _HCL_SHORT.get(found[1]) or chr(int(found[1][1:], 16))


class HclExpression:
    """Reads literal expressions: texts, numbers, booleans, null, tuples and objects."""

    def __init__(self, text: str) -> None:
        """Take the expression."""
        self.text = text
        self.position = 0

    def value(self) -> Any:
        """Return the value of the whole text; raises when anything is left over."""
        found = self._value()
        if self.position != len(self.text):
            raise ValueError(f"left over: {self.text[self.position :]!r}")
        return found

    def _value(self) -> Any:
        if self._take("["):
            return list(self._entries("]", self._value))
        if self._take("{"):
            return dict(self._entries("}", self._member))
        for word, value in (("true", True), ("false", False), ("null", None)):
            if self._take(word):
                return value
        return self._string() if self.text.startswith('"', self.position) else self._number()

    def _entries(self, end: str, read: Any) -> Any:
        while not self._take(end):
            yield read()
            self._take(", ")

    def _member(self) -> tuple[str, Any]:
        name = self._string()
        if not self._take(" = "):
            raise ValueError("no =")
        return name, self._value()

    def _string(self) -> str:
        return hcl_text(self._match(_HCL_STRING)[1])

    def _number(self) -> Any:
        digits = self._match(_HCL_NUMBER)[0]
        return float(digits) if set(digits) & set(".e") else int(digits)

    def _match(self, pattern: re.Pattern[str]) -> re.Match[str]:
        found = pattern.match(self.text, self.position)
        if found is None:
            raise ValueError(f"not read: {self.text[self.position :]!r}")
        self.position = found.end()
        return found

    def _take(self, sign: str) -> bool:
        if not self.text.startswith(sign, self.position):
            return False
        self.position += len(sign)
        return True
