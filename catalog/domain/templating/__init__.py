"""The template language: parse once, render for a place, in one pass and without side effects.

`parse` reads a template; each `render_…` writes it for one kind of place, so that a value never changes the structure
of what it is put into. docs/templates.md holds the table of places and functions.
"""

from catalog.domain.templating.git import (
    context_of_file,
    git_path_problem,
    git_ref_problem,
    render_git_path,
    render_git_ref,
    render_workspace,
    workspace_problem,
)
from catalog.domain.templating.grammar import NAMESPACES, Call, Reference, Template, parse
from catalog.domain.templating.hcl import hcl_problem, render_hcl
from catalog.domain.templating.json_body import json_problem, render_json
from catalog.domain.templating.messages import (
    address_problem,
    render_address,
    render_lines,
    render_markdown,
    render_slack,
)
from catalog.domain.templating.scope import ALWAYS_SECRET, Scope, masked
from catalog.domain.templating.text import (
    RichRun,
    render_header,
    render_label,
    render_line,
    render_rich,
    render_text,
    render_value,
)
from catalog.domain.templating.url import render_url, url_problem
from catalog.domain.templating.values import MASK, MISSING
from catalog.domain.templating.yaml_body import render_yaml, yaml_problem
from pao.core.errors import TemplateSyntaxError, UnknownNamespaceError

__all__ = [
    "ALWAYS_SECRET",
    "MASK",
    "MISSING",
    "NAMESPACES",
    "Call",
    "Reference",
    "RichRun",
    "Scope",
    "Template",
    "TemplateSyntaxError",
    "UnknownNamespaceError",
    "address_problem",
    "context_of_file",
    "git_path_problem",
    "git_ref_problem",
    "hcl_problem",
    "json_problem",
    "masked",
    "parse",
    "render_address",
    "render_git_path",
    "render_git_ref",
    "render_hcl",
    "render_header",
    "render_json",
    "render_label",
    "render_line",
    "render_lines",
    "render_markdown",
    "render_rich",
    "render_slack",
    "render_text",
    "render_url",
    "render_value",
    "render_workspace",
    "render_yaml",
    "url_problem",
    "workspace_problem",
    "yaml_problem",
]
