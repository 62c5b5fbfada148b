"""Conditions in documents: what is wrong with them, where, and what the hint says."""

import pytest

from catalog.domain.checker import check
from catalog.domain.checks_conditions import MAX_CHARACTERS
from catalog.domain.findings import Finding
from catalog.domain.positions import Positions, Span
from tests.catalog.domain.catalog_files import BUNDLE_FILE, ITEM_FILE, changed

CALL = "        id: call\n"
SIZE = "{id: size, name: Size, type: number, default: 5}"
CLASS = "{id: class, name: Class, type: select, enum: [small, large]}"
LAST = '            labels: ["{{.current.basic.class}}"]\n'
_SIZE, _CLASS = "current.basic.size", "current.basic.class"
DEPENDS = "    dependsOn: [database]\n"


def _told(findings: tuple[Finding, ...]) -> list[str]:
    """Return the findings but for what this version does not carry out, and what a hidden field means elsewhere."""
    about = [
        finding for finding in findings if finding.code != "not_supported" and "may be missing" not in finding.message
    ]
    return [f"{each.line}:{each.column} {each.severity} {each.code}: {each.message} | {each.hint}" for each in about]


def of_action(when: str, *others: tuple[str, str]) -> list[str]:
    """Return what is found when the first action of the item has this condition, in line 39."""
    files = changed(ITEM_FILE, (CALL, f"{CALL}        when: {when}\n"), *others)
    return _told(check({ITEM_FILE: files[ITEM_FILE]}, profile="strict").findings)


def of_component(when: str) -> list[str]:
    """Return what is found when the second component of the bundle has this condition, in line 15."""
    return _told(check(changed(BUNDLE_FILE, (DEPENDS, f"{DEPENDS}    when: {when}\n")), profile="strict").findings)


def of_fields(*changes: tuple[str, str]) -> list[str]:
    """Return what is found in the item with these changes."""
    return _told(check({ITEM_FILE: changed(ITEM_FILE, *changes)[ITEM_FILE]}, profile="strict").findings)


@pytest.mark.parametrize(
    "when",
    [
        "current.basic.size > 5 && current.basic.class != null",
        "\"'small' == current.basic.class || current.basic.class in ['large', null]\"",
        "metadata['database-small-test'].port == '5432'",
        "\"'admins' in system.user.teams\"",
        "current.name == 'shop'",
        "'true'",
    ],
)
def test_nothing_is_wrong_with_these(when: str) -> None:
    assert of_action(when) == []


@pytest.mark.parametrize(
    ("when", "begins", "hint"),
    [
        # not well written: where in the text
        ("current.basic.size = 5", "39:34 error condition_invalid: At position 20: write ==", "For example"),
        ('"current.basic.size = 5"', "39:35 error condition_invalid: At position 20", ""),
        ('"  "', "39:15 error condition_invalid: At position 1: the condition is empty", ""),
        ("crrent.basic.size == 5", "39:15 error unknown_namespace: ", ""),
        ("true && curent.name == 'a'", "39:23 error unknown_namespace: At position 9: ", ""),
        # nothing is there
        ("current.basic.siez == 5", "39:15 warning unknown_reference: ", "`current.basic.size`"),
        (
            "true && metadata['database-small-tets'].port == '1'",
            "39:23 warning unknown_reference: There is nothing at metadata['database-small-tets'].port",
            "`metadata['database-small-test'].port`",
        ),
        ("output.url == 'x'", "39:15 warning unknown_reference: ", "Nothing is known under output here."),
        # another kind of value than the field has
        ("current.basic.size == '5'", "39:37 warning condition_doubtful: current.basic.size is a number,", "kinds"),
        ("current.basic.title > 5", "39:37 warning condition_doubtful: current.basic.title is text,", ""),
        ("5 == current.basic.title", "39:15 warning condition_doubtful: ", ""),
        ("current.basic.size == true", "39:15 warning condition_doubtful: current.basic.size is a number,", ""),
        ("current.basic.title == ['a']", "39:38 warning condition_doubtful: current.basic.title is text,", ""),
        ("current.basic.size == current.name", "39:15 warning condition_doubtful: ", "never equal"),
        ("current.basic.size in [1, 'a']", "39:37 warning condition_doubtful: current.basic.size is a number,", ""),
        ("current.basic.title", "39:15 warning condition_doubtful: current.basic.title is text, which", ""),
        ("\"'a' in current.basic.title\"", "39:23 warning condition_doubtful: `in` looks into lists", ""),
        (
            "system.user.teams == 'a'",
            "39:36 warning condition_doubtful: system.user.teams is a list",
            "in system.user.teams",
        ),
        ("system.user == 'a'", "39:30 warning condition_doubtful: system.user is a group of values", ""),
        # a value outside the enum
        ("current.basic.class == 'smal'", '39:38 warning condition_doubtful: `"smal"` is no value', "`small`"),
        (
            "current.basic.class in ['small', 'lrge']",
            '39:38 warning condition_doubtful: `"lrge"` is no value',
            "`large`",
        ),
        ("current.basic.class == 1", "39:38 warning condition_doubtful: `1` is no value", ""),
        # secrets
        ("current.basic.secret == 'x'", "39:15 error secret_disclosed: What a condition decides would", ""),
        ("system.platform.apiKey != null", "39:15 error secret_disclosed: ", ""),
    ],
)
def test_a_condition_of_an_action(when: str, begins: str, hint: str) -> None:
    (found,) = of_action(when)
    said, _, advice = found.partition(" | ")
    assert (said.startswith(begins), hint in advice) == (True, True), found


def test_a_condition_of_a_later_action_sees_the_outputs_of_the_earlier_ones() -> None:
    lines = ["      - type: jira-ticket", "        config:", "          ticket:", "            project: DBA"]
    last = "\n".join([*lines, "            issueType: Task", '            summaryTemplate: "Ready'])
    assert (
        of_fields((last, last.replace("        config", "        when: output.url != null\n        config", 1))) == []
    )
    (found,) = of_fields((last, last.replace("        config", "        when: output.uri != null\n        config", 1)))
    assert found.startswith(
        "51:15 warning unknown_reference: There is nothing at output.uri | Did you mean `output.url`?"
    )


def test_values_of_a_multiselect_are_known() -> None:
    tags = (CLASS, "{id: class, name: Class, type: multiselect, enum: [small, large]}")
    assert of_action("\"'small' in current.basic.class\"", tags) == []
    (found,) = of_action("\"'smal' in current.basic.class\"", tags)
    assert (
        found == '39:15 warning condition_doubtful: `"smal"` is no value of current.basic.class | Did you mean `small`?'
    )


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("current.basic.size > 1 && output.url != null", []),
        ("metadata['database-small-test'].port == '5432'", []),
        ("output.nope == 1", ["15:11 warning unknown_reference"]),
        ("current.basic.nope == 1", ["15:11 warning unknown_reference"]),
        ("current.basic.class == 'x'", ["15:34 warning condition_doubtful"]),
        ("current.app.token == 'x'", ["15:11 error secret_disclosed"]),
        ("current.app.container = 'x'", ["15:33 error condition_invalid"]),
    ],
)
def test_a_condition_of_a_component(when: str, expected: list[str]) -> None:
    assert [found.split(":", 2)[0] + ":" + found.split(":", 2)[1] for found in of_component(when)] == expected


def test_a_component_does_not_see_its_own_outputs() -> None:
    first = "    catalogItem: database-small-test\n"
    files = changed(BUNDLE_FILE, (first, f"{first}    when: output.url == null\n"))
    (found,) = _told(check(files, profile="strict").findings)
    assert found.startswith("12:11 warning unknown_reference: There is nothing at output.url")


def test_a_condition_of_an_item_is_checked_again_in_each_bundle() -> None:
    when = "current.basic.class == 'small' && current.basic.size == 1 && output.url == null"
    files = changed(ITEM_FILE, (CALL, f"{CALL}        when: {when}\n"))
    bundle = files[BUNDLE_FILE].replace(b"{id: class,", b"{id: grade,")
    files[BUNDLE_FILE] = bundle.replace(b"name: Size, type: number", b"name: Size, type: password")
    found = _told(check(files, profile="strict").findings)
    assert any(
        "11:18 warning component_field_unavailable: The item uses .current.basic.class" in each for each in found
    )
    assert any(
        "11:18 error secret_disclosed: The password field size would be shown in what a condition" in each
        for each in found
    )


def hidden(field: str, when: str) -> tuple[str, str]:
    """Return the change that makes a field of the item visible under a condition only."""
    return field, field.replace("}", f', visibleWhen: "{when}"}}')


def _more(when: str) -> str:
    """Return what the section after the form is replaced by for a second group, its condition in line 27."""
    one = "        fields: [{id: one, name: One, type: string}]\n"
    return f'      - id: more\n        name: More\n        visibleWhen: "{when}"\n{one}fulfillment:\n'


@pytest.mark.parametrize(
    ("changes", "begins"),
    [
        ([hidden(CLASS, "current.basic.size > 5 && current.name != ''")], []),
        ([hidden(SIZE, "output.url == 'x'")], ["22:75 error condition_invalid: No form can decide this: a form knows"]),
        (
            [hidden(CLASS, "current.name < 'm'")],
            ["23:103 error condition_invalid: No form can decide this: in a form, <"],
        ),
        ([hidden(CLASS, "current.basic.nope == 1")], ["23:87 warning unknown_reference: There is nothing"]),
        ([hidden(SIZE, "current.basic.class == 'x'")], ["22:99 warning condition_doubtful: "]),
        ([hidden(SIZE, "current.basic.secret != null")], ["22:75 error secret_disclosed: "]),
        (
            [hidden(SIZE, "current.basic.size > 1")],
            ["22:75 error condition_invalid: Whether current.basic.size is visible depends"],
        ),
        (
            [hidden(SIZE, "current.basic.class == 'small'"), hidden(CLASS, "current.basic.size > 1")],
            [f"22:75 error condition_invalid: Whether {_SIZE} is visible depends on itself: {_SIZE} → {_CLASS} → "],
        ),
        # a group that one of its own fields shows
        (
            [("        name: Basic\n", "        name: Basic\n        visibleWhen: current.basic.size > 1\n")],
            ["20:22 error condition_invalid: Whether current.basic is visible depends on itself: current.bas"],
        ),
        # groups that show each other
        (
            [
                ("        name: Basic\n", "        name: Basic\n        visibleWhen: current.more.one == 'x'\n"),
                ("fulfillment:\n", _more("current.basic.size > 1")),
            ],
            ["20:22 error condition_invalid: Whether current.basic is visible depends on itself: "],
        ),
        # a group is no field: pages, published forms and the server would each take it for something else
        (
            [("fulfillment:\n", _more("current.more == null"))],
            ["27:22 error condition_invalid: No form can decide this: "],
        ),
        (
            [("fulfillment:\n", _more("current.name != 'x' && current.basic == null"))],
            ["27:46 error condition_invalid: No form can decide this: current.basic is a group, and no field | Known"],
        ),
        (
            [(CLASS, "{id: class, name: Class, type: file}"), hidden(SIZE, "current.basic.class.name == 'x'")],
            ["22:75 error condition_invalid: No form can decide this: it knows of a file only whether"],
        ),
    ],
)
def test_conditions_of_fields_and_groups(changes: list[tuple[str, str]], begins: list[str]) -> None:
    found = of_fields(*changes)
    assert len(found) == len(begins)
    for said, beginning in zip(found, begins, strict=True):
        assert said.startswith(beginning), said


def test_the_conditions_of_a_document_are_bounded_in_all() -> None:
    fields = "".join(
        f'          - {{id: f{number}, name: F, type: string, visibleWhen: "current.basic.size in [{"1," * 480}1]"}}\n'
        for number in range(12)
    )
    (found,) = of_fields(("          - {id: class", f"{fields}          - {{id: class"))
    assert f"error document_too_large: The conditions of a document have {MAX_CHARACTERS} characters" in found


def chain(links: int, when: str) -> tuple[str, str]:
    """Return the change that adds boxes, each shown by the one before it."""
    shown = (
        f', visibleWhen: "{when.replace("LAST", f"current.basic.f{at - 1}")}"' if at else "" for at in range(links)
    )
    boxes = "".join(f"          - {{id: f{at}, name: F, type: boolean{each}}}\n" for at, each in enumerate(shown))
    return "          - {id: class", f"{boxes}          - {{id: class"


@pytest.mark.parametrize(
    ("links", "when", "beginning"),
    [
        (40, "LAST", ""),
        (8, "LAST || LAST == false", ""),
        (
            9,
            "LAST || LAST == false",
            "31:59 error condition_invalid: To show this form takes 1,004 comparisons, 510 of",
        ),
        (4, " || ".join(["LAST"] * 20), "26:59 error condition_invalid: To show this form takes 8,860 comparisons, "),
        (60, "LAST", "82:60 error condition_invalid: To show this form takes 1,770 comparisons, 59 of them here"),
        (150, "LAST || LAST == false", "error condition_invalid: To show this form takes more than 1,000,000,000 comp"),
    ],
)
def test_conditions_that_lean_on_each_other_are_bounded(links: int, when: str, beginning: str) -> None:
    """Readers of the published schema decide a condition anew for each mention of a field that has one."""
    found = of_fields(chain(links, when))
    assert [beginning in each for each in found] == ([True] if beginning else []), found


@pytest.mark.parametrize(
    ("source", "value", "offset", "expected"),
    [
        ("a == b", "a == b", 5, (3, 6)),
        ('"a == b"', "a == b", 5, (3, 7)),
        (">-\n  a ==\n  b", "a == b", 5, (5, 3)),  # folded
        ("a ==\n    b", "a == b", 5, (4, 5)),  # plain, over two lines
        ("'a == ''b'''", "a == 'b'", 5, (3, 1)),  # written with escapes
        ("a == b", "a == b", 6, (3, 7)),  # behind the end
        ("a == b", "a == b", 0, (3, 1)),
    ],
)
def test_where_a_character_of_a_text_stands(source: str, value: str, offset: int, expected: tuple[int, int]) -> None:
    text = f"x: 1\n\n{source}\n"
    span = Span(3, 1, 6, 6 + len(source))
    assert Positions(text, keys={}, values={("x",): span}).inside(("x",), value, offset) == expected
