"""The template language: parse once, render for a place, in one pass and without side effects."""

from catalog.domain.templating.grammar import NAMESPACES, Call, Reference, Template, parse
from pao.core.errors import TemplateSyntaxError, UnknownNamespaceError

__all__ = ["NAMESPACES", "Call", "Reference", "Template", "TemplateSyntaxError", "UnknownNamespaceError", "parse"]
