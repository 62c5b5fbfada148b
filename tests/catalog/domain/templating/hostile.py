"""Values that try to leave the place they are put into, and how many of them a property test takes."""

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

VALUES_PER_EXAMPLE = 8
"""Properties take their values in handfuls: drawing an example costs more than rendering one."""


def values_checked(examples: int) -> settings:
    """Return settings for that many examples of a property; the long run is in the module million."""
    return settings(max_examples=examples, deadline=None, suppress_health_check=[HealthCheck.too_slow])


FRAGMENTS = [
    '"', "\\", '\\"', "\n", "\r\n", "\x00", "\x0b", "\x1f", "\x85", "\u2028", "\ud800", "\u202e", "é", "€", "😀",
    "{", "}", "{{", "}}", "{{.system.platform.apiKey}}", '{{"{{"}}', "{code}", "{html}", "h1. ", "[~user]", "!img!",
    "[x|http://evil.example]", "..", "/", "../", "%2e%2e", "%", "?", "#", "&", "=", "+", ";", "@", ":", "//evil",
    "${", "%{", '${file("x")}', "*/", "/*", "<<EOF", "EOF", "\n  EOF\n", ": ", " #", "\n- ", "no", "012", "1:30", "---",
    "...", "|", ">", "&a", "*a", "!!str", "``", "@channel", ".lock", ".git", "-", "1e3", "~", "null",
    '","admin":true,"x":"', "]", "}]", ",", " ", "\t", "$", "<script>", "'", "`", "\u0000null", "true", "0",
]  # fmt: skip

texts: SearchStrategy[str] = st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=4), max_size=6).map("".join)
numbers = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
scalars = texts | numbers | st.booleans() | st.none()
values: SearchStrategy[object] = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)

handful_of_texts = st.lists(texts, min_size=VALUES_PER_EXAMPLE, max_size=VALUES_PER_EXAMPLE)
handful_of_values = st.lists(values, min_size=VALUES_PER_EXAMPLE, max_size=VALUES_PER_EXAMPLE)
