"""Every finding code: one change to a correct repository, and exactly the findings it makes, with line and column."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.domain.checker import check
from catalog.domain.codes import CODES
from catalog.domain.findings import MAX_FINDINGS, did_you_mean
from catalog.domain.schemas import schemas
from tests.catalog.domain.catalog_files import BUNDLE, BUNDLE_FILE, ITEM, ITEM_FILE, OTHER_FILE, changed, found, told

PATTERN = '    validation: {pattern: "^[a-z][a-z0-9-]{2,28}[a-z0-9]$"}\n'
TITLE = "{id: title, name: Title, type: string, required: true}"
SIZE = "{id: size, name: Size, type: number, default: 5}"
CLASS = "{id: class, name: Class, type: select, enum: [small, large]}"
URL = '"https://api.example.com/databases"'
SUMMARY = '"Ready: {{.output.url}}"'
OUTPUTS = "{url: body.url}"
SECOND = "        outputs: {url: body.url}\n      - type: jira-ticket\n"
MANUAL = """\
  manual:
    actions:
      - type: jira-ticket
        config:
          ticket:
            project: DBA
            issueType: Task
            summaryTemplate: "Database {{.current.basic.title}}"
"""


def _title(**members: Any) -> tuple[str, str]:
    field = {"id": "title", "name": "Title", "type": "string", "required": True} | members
    return TITLE, json.dumps(field)


# (old, new) in the item, then what is found.
ITEM_ROWS: list[tuple[str, str, list[str]]] = [
    # the file
    ("kind: CatalogItem", "kind: [CatalogItem", ["3:9 yaml_syntax"]),
    ("name: Small Database", "name: !!str Small Database", ["5:9 yaml_unsafe"]),
    ("  name: Small Database", "  <<: {name: x}", ["5:3 yaml_unsafe"]),
    ("  name: Small Database", "  id: x", ["5:3 yaml_duplicate_key"]),
    ("input:", "---\ninput:", ["11:1 yaml_multiple_documents"]),
    (ITEM, "- a\n- b\n", ["1:1 not_a_mapping"]),
    (ITEM, "", ["1:1 not_a_mapping"]),
    ("Small Database", "Small\x07Database", ["5:14 encoding_invalid"]),
    ("name: Small Database", 'name: "Small\\u0000"', ["5:9 encoding_invalid"]),
    ("port:", "port: &a [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[x\nother:", ["10:42 document_too_large"]),
    ('port: "5432"', "port: NO", ["10:9 yaml_ambiguous"]),
    ('port: "5432"', "port: 2026-01-01", ["10:9 yaml_ambiguous"]),
    ('port: "5432"', "port: 2026-01-01 10:00:00", ["10:9 yaml_ambiguous"]),
    ("Small Database", "Small \u202eDatabase", ["5:15 invisible_characters"]),
    # identity
    ("schemaVersion: catalog/v1\n", "", ["1:1 schema_version_missing"]),
    ("catalog/v1", "catalog/v2", ["1:16 schema_version_unsupported"]),
    ("kind: CatalogItem\n", "", ["1:1 kind_missing"]),
    ("kind: CatalogItem", "kind: Item", ["2:7 kind_unknown"]),
    ("id: database-small-test", "id: database_small", ["4:7 file_name_mismatch", "4:7 id_format"]),
    ("id: database-small-test", "id: database-other", ["4:7 file_name_mismatch"]),
    ("category: databases", "category: storage", ["8:13 category_folder_mismatch"]),
    ("1.0.0", "1.0", ["7:12 version_format"]),
    ("1.0.0", "v1.0.0", ["7:12 version_format"]),
    ("1.0.0", '"1.0.0\\n"', ["7:12 version_format"]),
    ("databases@example.com", '"javascript:alert(1)"', ["9:37 url_invalid"]),
    # structure
    ("  owner: {team: databases, contact: databases@example.com}\n", "", ["3:1 required_missing"]),
    ("name: Small Database", "name:", ["5:8 required_missing"]),
    ("name: Small Database", "name: ''", ["5:9 required_missing"]),
    ("            issueType: Task\n", "", ["31:11 required_missing"]),
    ("name: Small Database", "name: [Small]", ["5:9 type_mismatch"]),
    ("{mode: automatic}", "{mode: automatic, mood: good}", ["26:31 unknown_property"]),
    ('port: "5432"', 'default_port: "5432"', ["10:3 key_format"]),
    ("A small database for tests, long enough to be described", "A small database", ["6:16 description_length"]),
    ("Small Database", "x" * 256, ["5:9 string_too_long"]),
    # form; a member that is renamed leaves references behind that point nowhere
    ("    type: string\n", "    type: number\n", ["14:11 name_field_invalid"]),
    ("    required: true\n", "", ["12:3 name_field_invalid"]),
    (PATTERN, "", ["12:3 name_field_invalid"]),
    ("{2,28}", "{2,29}", ["16:27 name_field_invalid"]),
    ("    groups:", "    fields: []\n    groups:", ["17:5 field_outside_group"]),
    (
        "- id: basic",
        "- id: Basic",
        [
            "18:13 group_id_format",
            "34:40 unknown_reference",
            "46:27 unknown_reference",
            "47:25 unknown_reference",
            "56:23 unknown_reference",
        ],
    ),
    (*_title(id="Title"), ["21:20 field_id_format", "34:40 unknown_reference", "46:27 unknown_reference"]),
    ("    groups:\n", "    groups:\n      - {id: basic, name: B, fields: []}\n", ["19:13 duplicate_group_id"]),
    (SIZE, TITLE, ["22:18 duplicate_field_id", "47:25 unknown_reference"]),
    ("id: secret", "id: name", ["24:18 reserved_field_id"]),
    ("type: password", "type: passwrd", ["24:46 field_type_unknown"]),
    (", enum: [small, large]", "", ["23:13 enum_missing"]),
    ("type: select, enum: [small, large]", "type: multiselect", ["23:13 enum_missing"]),
    ("[small, large]", "[]", ["23:58 enum_empty"]),
    (CLASS, CLASS.replace("}", ", default: tiny}"), ["23:83 default_not_in_enum"]),
    (CLASS, CLASS.replace("small, large]", "1, 2], default: true"), ["23:75 default_not_in_enum"]),
    ("default: 5", "default: five", ["22:59 default_type_mismatch"]),
    ("default: 5", "default: true", ["22:59 default_type_mismatch"]),
    ("type: password", "type: date, default: tomorrow", ["24:61 default_type_mismatch"]),
    # a default is judged as what a person types is
    ("default: 5", "validation: {max: 10}, default: 50", ["22:82 default_invalid"]),
    ("default: 5", "validation: {step: 0.1}, default: 0.35", ["22:84 default_invalid"]),
    ("default: 5", "validation: {step: 0.1}, default: 0.3", []),
    (
        CLASS,
        CLASS.replace("select", "multiselect").replace("}", ", default: [small, small]}"),
        ["23:88 default_invalid"],
    ),
    (*_title(default="B!", validation={"pattern": "^[a-z]+$"}), ["21:93 default_invalid"]),
    (*_title(default="abcdef", validation={"maxLength": 3}), ["21:93 default_invalid"]),
    (*_title(default=""), ["21:93 default_invalid"]),
    (*_title(default="B!", validation={"pattern": "(a"}), ["21:125 validation_invalid"]),
    (*_title(validation={"pattern": "(a"}), ["21:108 validation_invalid"]),
    (*_title(validation={"pattern": "^(?=a)"}), ["21:108 validation_invalid"]),
    (*_title(validation={"minLength": 9, "maxLength": 3}), ["21:110 validation_invalid"]),
    (*_title(validation={"min": "few"}), ["21:104 validation_invalid"]),
    ("default: 5", "validation: {min: 5, max: 1}, default: 5", ["22:68 validation_invalid"]),
    ("default: 5", "validation: {step: 0}, default: 5", ["22:69 validation_invalid"]),
    ("default: 5", "default: 5, validation: {minLength: 5}", ["22:75 unknown_property"]),
    ("name: Title", 'name: "Title {{.current.name}}"', ["21:38 template_in_input"]),
    ('port: "5432"', 'port: "{{.current.name}}"', ["10:10 template_in_metadata"]),
    ("        name: Basic\n", "", ["18:9 group_name_missing"]),
    # fulfillment
    ("{mode: automatic}", "{mode: magic}", ["26:20 mode_invalid"]),
    (MANUAL, "  manual:\n    actions: []\n", ["28:14 mode_actions_missing"]),
    (MANUAL, "", ["25:1 required_missing"]),
    ("type: rest-api", "type: rest-apy", ["37:15 action_type_unknown"]),
    ("id: call", "id: Call", ["38:13 id_format"]),
    ("project: DBA", "project: dba", ["32:22 project_key_format"]),
    ('"Database {{.current.basic.title}}"', "x" * 256, ["34:30 summary_length"]),
    ("method: POST", "method: FETCH", ["40:72 http_method_invalid"]),
    (URL, '"ftp://api.example.com/"', ["40:27 url_invalid"]),
    (URL, '"https://{{.current.basic.title}}.example.com/"', ["40:27 url_invalid"]),
    (URL, '"https://user@api.example.com/"', ["40:27 url_invalid"]),
    (OUTPUTS, '{url: "body..url"}', ["49:24 expression_invalid"]),
    (OUTPUTS, "{url: bodi.url}", ["49:24 unknown_reference"]),
    ("labels: [", 'labels: ["two words", ', ["56:22 type_mismatch"]),
    ("X-User:", "X User:", ["41:21 type_mismatch"]),
    # templates
    ("{{.output.url}}", "{{output.url}}", ["55:38 template_syntax"]),
    ("{{.output.url}}", "{{.output.url", ["55:38 template_syntax"]),
    ("{{.output.url}}", "{{.output.url | shout}}", ["55:38 template_syntax"]),
    ('"size": {{.current.basic.size}}', '"size": {{.current.basic.size}},', ["44:30 template_syntax"]),
    ("issueType: Task", 'issueType: "A {{.current.name}}"', ["33:27 template_syntax"]),
    ("{{.output.url}}", "{{.input.url}}", ["55:38 unknown_namespace"]),
    ("{{.current.basic.size}}", "{{.current.basic.siz}}", ["47:25 unknown_reference"]),
    ("{{.output.url}}", "{{.system.user.age}}", ["55:38 unknown_reference"]),
    (SIZE, "{id: size, name: Size, type: number}", ["47:25 unknown_reference"]),
    ("{{.system.user.id}}", "{{.output.url}}", ["41:30 unknown_reference"]),
    # conditions: more rows are in test_checks_conditions.py
    ("        id: call\n", "        when: current.basic.size = 5\n", ["38:34 condition_invalid"]),
    ("        id: call\n", "        when: current.basic.size == '5'\n", ["38:37 condition_doubtful"]),
    # what this version does not carry out: all of it is in test_checks_support.py
    ("        id: call\n", "        rollback: []\n", ["38:19 not_supported"]),
    # secrets
    ("{{.current.basic.class}}", "{{.current.basic.secret}}", ["56:23 secret_disclosed"]),
    ("{{.output.url}}", "{{.current.basic}}", ["55:38 secret_disclosed"]),
    ("{{.output.url}}", "{{.system.platform.apiKey}}", ["55:38 secret_disclosed"]),
    (URL, '"https://api.example.com/{{.current.basic.secret}}"', ["40:52 secret_disclosed"]),
    (URL, '"https://api.example.com/?token=x"', ["40:27 secret_disclosed"]),
    ("headers:", 'query: {apiKey: "x"}\n          headers:', ["41:19 secret_disclosed"]),
    ('"title": "{{.current.basic.title}}"', '"t": "{{.system.platform.apiKey}}"', ["46:23 secret_disclosed"]),
    (OUTPUTS, '{url: "{{.current.basic.secret}}"}', ["49:25 secret_disclosed"]),
    (OUTPUTS, "{url: {from: body.url, secret: true}}", ["55:38 secret_disclosed"]),
    ("type: password}", "type: password, default: hunter2}", ["24:65 secret_disclosed"]),
]


@pytest.mark.parametrize(("old", "new", "expected"), ITEM_ROWS)
def test_an_item_with_one_mistake(old: str, new: str, expected: list[str]) -> None:
    files = {ITEM_FILE: changed(ITEM_FILE, (old, new))[ITEM_FILE]}
    assert found(files) == expected


# Two changes at once, in the item.
PAIRS: list[tuple[list[tuple[str, str]], list[str]]] = [
    # a password may travel in a body over https, but not over http
    ([('{{.current.basic.title}}",', '{{.current.basic.secret}}",')], []),
    (
        [('{{.current.basic.title}}",', '{{.current.basic.secret}}",'), ("https://api", "http://api")],
        ["46:27 secret_disclosed"],
    ),
    # an optional value with a stated fallback, or in quotes, is fine
    ([(SIZE, "{id: size, name: Size, type: number}"), (".basic.size}}", ".basic.size | default 5}}")], []),
    ([(SIZE, "{id: size, name: Size, type: number}"), ("{{.current.basic.size}}", '"{{.current.basic.size}}"')], []),
    # a required field that may be hidden may be missing
    (
        [(SIZE, "{id: size, name: Size, type: number, required: true, visibleWhen: \"current.name == 'a'\"}")],
        ["47:25 unknown_reference"],
    ),
    # two actions with one id, and one output key
    (
        [(f"{SECOND}        config:", f"{SECOND}        id: call\n        outputs: {{url: key}}\n        config:")],
        ["51:13 duplicate_action_id", "52:19 duplicate_output_key"],
    ),
    # the automatic way chosen, and not there
    ([(ITEM[ITEM.index("  automatic:") :], "")], ["25:1 mode_actions_missing"]),
]


@pytest.mark.parametrize(("changes", "expected"), PAIRS)
def test_an_item_with_several_changes(changes: list[tuple[str, str]], expected: list[str]) -> None:
    files = {ITEM_FILE: changed(ITEM_FILE, *changes)[ITEM_FILE]}
    assert found(files) == expected


TITLE_IN_BUNDLE = "{id: title, name: Title, type: string, required: true}"
SIZE_IN_BUNDLE = "{id: size, name: Size, type: number, required: true}"
COMPONENT = "  - id: app\n    catalogItem: compute-app-test\n    dependsOn: [database]\n"

BUNDLE_ROWS: list[tuple[str, str, list[str]]] = [
    ("id: bundle-both-test", "id: both-test", ["4:7 bundle_id_prefix", "4:7 file_name_mismatch"]),
    ("A database and an application that uses it, for the tests", "Both", ["6:16 description_length"]),
    ("mode: sequential", "mode: random", ["35:25 mode_invalid"]),
    ("catalogItem: compute-app-test", "catalogItem: compute-app-tset", ["13:18 component_ref_missing"]),
    ("catalogItem: compute-app-test", "catalogItem: bundle-both-test", ["13:18 component_ref_kind"]),
    ("id: app\n", "id: database\n", ["12:9 duplicate_component_id", "14:17 self_dependency"]),
    ("[database]", "[datbase]", ["14:17 depends_on_unknown"]),
    ("[database]", "[database, app]", ["14:27 self_dependency"]),
    (
        "catalogItem: database-small-test",
        "catalogItem: database-small-test\n    dependsOn: [app]",
        ["12:16 dependency_cycle"],
    ),
    (SIZE_IN_BUNDLE, "{id: weight, name: Weight, type: number}", ["11:18 component_field_unavailable"]),
    (SIZE_IN_BUNDLE, "{id: size, name: Size, type: string, required: true}", ["11:18 component_field_differs"]),
    (SIZE_IN_BUNDLE, "{id: size, name: Size, type: number}", ["11:18 component_field_differs"]),
    (TITLE_IN_BUNDLE, "{id: title, name: Title, type: password}", ["11:18 secret_disclosed"]),
    (".current.app.container", ".current.app.contaner", ["15:28 unknown_reference"]),
    (".current.app.container", ".current.app.token", ["13:18 secret_disclosed"]),
    ("basic.image:", "basic.imag:", ["13:18 component_field_unavailable", "15:14 unknown_reference"]),
    ("basic.image:", "image:", ["13:18 component_field_unavailable", "15:14 type_mismatch", "15:14 unknown_reference"]),
    (
        "{{.current.app.container}}",
        "{{current.app.container}}",
        ["13:18 component_field_unavailable", "15:28 template_syntax"],
    ),
    (COMPONENT, "  - {id: again, catalogItem: database-small-test}\n" + COMPONENT, ["12:30 duplicate_output_key"]),
    (
        COMPONENT,
        "".join(f"  - {{id: c{n}, catalogItem: compute-app-test}}\n" for n in range(50)) + COMPONENT,
        ["10:3 too_many_components"],
    ),
]


@pytest.mark.parametrize(("old", "new", "expected"), BUNDLE_ROWS)
def test_a_bundle_with_one_mistake(old: str, new: str, expected: list[str]) -> None:
    assert found(changed(BUNDLE_FILE, (old, new))) == expected


# (files, findings): mistakes of place, and between files.
REPOSITORY_ROWS: list[tuple[dict[str, str], list[str]]] = [
    ({"bundles/database-small-test.yaml": ITEM}, ["2:7 kind_location_mismatch"]),
    ({"catalog/databases/Small_Test.yaml": ITEM}, ["1:1 file_name_format"]),
    (
        {ITEM_FILE: ITEM, "catalog/databases/z.yml": ITEM},
        ["4:7 duplicate_item_id", "4:7 duplicate_item_id", "4:7 file_name_mismatch"],
    ),
    # files elsewhere are no documents
    ({"README.md": "x", "catalog/a.yaml": "x", "catalog/a/b/c.yaml": "x", "bundles/a/b.yaml": "x", "a.yaml": "x"}, []),
    ({ITEM_FILE.replace(".yaml", ".yml"): ITEM}, []),
]


@pytest.mark.parametrize(("files", "expected"), REPOSITORY_ROWS)
def test_mistakes_of_place(files: dict[str, str], expected: list[str]) -> None:
    assert found({file: text.encode() for file, text in files.items()}) == expected


def test_a_bundle_among_items_is_in_the_wrong_place() -> None:
    findings = found({"catalog/databases/bundle-both-test.yaml": BUNDLE.encode()})
    assert "2:7 kind_location_mismatch" in findings


def test_nothing_is_wrong_with_the_repository_that_all_rows_change() -> None:
    checked = check(changed(ITEM_FILE), profile="strict")
    assert told(checked) == []
    assert [entry.file for entry in checked.entries] == [BUNDLE_FILE, OTHER_FILE, ITEM_FILE]
    assert not checked.has_errors


def test_every_code_is_raised_by_a_row() -> None:
    rows = [*ITEM_ROWS, *BUNDLE_ROWS]
    raised = {finding.split()[1] for row in rows for finding in row[2]}
    raised |= {finding.split()[1] for pair in [*PAIRS, *REPOSITORY_ROWS] for finding in pair[1]}
    # the rows of CODEOWNERS are in test_codeowners.py and test_ownership.py
    assert raised == set(CODES) - {"codeowners_invalid", "owner_mismatch"}


# What the relaxed profile softens: rulings R2 to R5, R40.
SOFTENED = {
    "required_missing": ("  owner: {team: databases, contact: databases@example.com}\n", ""),
    "description_length": ("A small database for tests, long enough to be described", "A small database"),
    "unknown_property": ("{mode: automatic}", "{mode: automatic, mood: good}"),
    "default_invalid": ("default: 5", "validation: {max: 1}, default: 5"),
    "key_format": ('port: "5432"', 'default_port: "5432"'),
}


@pytest.mark.parametrize(("code", "change"), SOFTENED.items())
def test_the_relaxed_profile_serves_what_strict_refuses(code: str, change: tuple[str, str]) -> None:
    files = {ITEM_FILE: changed(ITEM_FILE, change)[ITEM_FILE]}
    strict, relaxed = check(files, profile="strict"), check(files, profile="relaxed")
    assert [(finding.code, finding.severity) for finding in strict.findings] == [(code, "error")]
    assert [(finding.code, finding.severity) for finding in relaxed.findings] == [(code, "warning")]
    assert strict.entries == ()
    assert [entry.findings for entry in relaxed.entries] == [relaxed.findings]


def test_a_missing_issue_type_is_served_with_the_default_of_the_instance() -> None:
    files = {ITEM_FILE: changed(ITEM_FILE, ("            issueType: Task\n", ""))[ITEM_FILE]}
    assert len(check(files, profile="relaxed").entries) == 1


def test_a_missing_version_is_not_softened() -> None:
    files = {ITEM_FILE: changed(ITEM_FILE, ("  version: 1.0.0\n", ""))[ITEM_FILE]}
    assert check(files, profile="relaxed").entries == ()


# The nearest name is the hint.
HINTS = [
    ("method: POST", "method: POTS", "Did you mean `POST`?"),
    ('summaryTemplate: "Ready', 'summary_template: "Ready', "Did you mean `summaryTemplate`?"),
    ("type: password", "type: passwrd", "Did you mean `password`?"),
    ("type: rest-api", "type: rest_api", "Did you mean `rest-api`?"),
    ("{{.current.basic.size}}", "{{.current.basic.siez}}", "Did you mean `.current.basic.size`?"),
    # a value, never what holds it; and when none is near, the values that stand there
    (
        "{{.current.basic.size}}",
        "{{.current.basic.a}}",
        "Known here: .current.basic.class, .current.basic.secret, .current.basic.size, .current.basic.title.",
    ),
    ("{{.current.basic.size}}", "{{.current.size}}", "Did you mean `.current.basic.size`?"),
    (
        "{{.output.url}}",
        "{{.metadata.database-small-test.prot}}",
        "Did you mean `.metadata.database-small-test.port`?",
    ),
    ("version: 1.0.0", "version: 1.10", "Put it into quotes, so that it is text. For example `1.0.0`."),
    (
        "{{.system.user.id}}",
        "{{.output.url}}",
        "Outputs are there for the actions after the one that makes them: change the order.",
    ),
    (
        "type: rest-api",
        "type: pigeon",
        "Known here: email, git-commit, github-workflow, jira-ticket, rest-api, slack, terraform, webhook.",
    ),
    ("kind: CatalogItem", "kind: catalog_item", "Did you mean `CatalogItem`?"),
]


@pytest.mark.parametrize(("old", "new", "hint"), HINTS)
def test_the_nearest_name_is_the_hint(old: str, new: str, hint: str) -> None:
    files = {ITEM_FILE: changed(ITEM_FILE, (old, new))[ITEM_FILE]}
    assert hint in [finding.hint for finding in check(files, profile="strict").findings]


def test_a_wrong_value_is_told_as_yaml_spells_it() -> None:
    (finding,) = check(changed(ITEM_FILE, ("default: 5", "default: true")), profile="strict").findings
    assert finding.message == "The default `true` is not a number"


def test_a_template_in_an_unknown_member_is_one_mistake_and_never_served() -> None:
    files = changed(
        ITEM_FILE,
        ('summaryTemplate: "Ready', 'summarytemplate: "{{.output.url}}"\n            summaryTemplate: "Ready'),
    )
    assert [each.code for each in check(files, profile="strict").findings] == ["unknown_property"]
    assert ITEM_FILE not in [each.file for each in check(files, profile="relaxed").entries]


def test_a_cycle_is_spelled_out() -> None:
    files = changed(
        BUNDLE_FILE, ("catalogItem: database-small-test", "catalogItem: database-small-test\n    dependsOn: [app]")
    )
    (finding,) = check(files, profile="strict").findings
    assert finding.message == "The dependencies form a circle: database → app → database"


def test_a_finding_as_text_and_as_data() -> None:
    files = {ITEM_FILE: changed(ITEM_FILE, ("kind: CatalogItem", "kind: Item"))[ITEM_FILE]}
    (finding,) = check(files, profile="strict").findings
    assert finding.as_text() == f"{ITEM_FILE}:2:7: error kind_unknown `Item` is no kind of document"
    assert finding.as_dict() == {
        "code": "kind_unknown",
        "severity": "error",
        "file": ITEM_FILE,
        "path": "kind",
        "line": 2,
        "column": 7,
        "message": "`Item` is no kind of document",
        "hint": "Known here: CatalogBundle, CatalogItem.",
    }


@pytest.mark.parametrize(("count", "expected"), [(100, []), (101, ["123:69 validation_invalid"])])
def test_a_form_has_a_hundred_different_patterns_at_most(count: int, expected: list[str]) -> None:
    fields = (f"{{id: f{n}, name: F, type: string, validation: {{pattern: x{n % count}}}}}" for n in range(count + 5))
    listed = "\n          - ".join(fields)
    assert found({ITEM_FILE: changed(ITEM_FILE, (SIZE, f"{SIZE}\n          - {listed}"))[ITEM_FILE]}) == expected


def test_the_path_names_the_missing_member() -> None:
    files = {ITEM_FILE: changed(ITEM_FILE, ("            issueType: Task\n", ""))[ITEM_FILE]}
    (finding,) = check(files, profile="strict").findings
    assert finding.path == "fulfillment.manual.actions[0].config.ticket.issueType"


def test_an_action_type_is_known_by_its_schema_file(tmp_path: Path) -> None:
    for name, schema in schemas().published.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(schema))
    (tmp_path / "actions" / "carrier-pigeon.json").write_text('{"required": ["loft"], "x-pao-template": "value"}')
    known = schemas(tmp_path)
    assert set(known.action_types) == {"carrier-pigeon", *schemas().action_types}
    files = {ITEM_FILE: changed(ITEM_FILE, ("type: rest-api", "type: carrier-pigeon"))[ITEM_FILE]}
    assert told(check(files, profile="strict", known=known)) == ["39:9 required_missing"]


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.sampled_from(["", "a", "{{.current.name}}", "{{", "name", "select"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "name", "type", "default", "config", "outputs", "url"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)


@st.composite
def _mutated(draw: st.DrawFn) -> dict[str, bytes]:
    """A repository in which one line of one document has another value, of any shape."""
    file = draw(st.sampled_from([ITEM_FILE, OTHER_FILE, BUNDLE_FILE]))
    lines = changed(file)[file].decode().splitlines()
    number = draw(st.integers(0, len(lines) - 1))
    key, colon, _ = lines[number].partition(":")
    lines[number] = f"{key}{colon} {json.dumps(draw(_JSON))}"
    if draw(st.booleans()):
        # Without what stood beneath it, so that the file is YAML more often.
        depth = len(key) - len(key.lstrip(" -"))
        while len(lines) > number + 1 and len(lines[number + 1]) - len(lines[number + 1].lstrip(" -")) > depth:
            del lines[number + 1]
    return changed(ITEM_FILE) | {file: "\n".join(lines).encode()}


@given(_mutated())
def test_whatever_shape_a_member_has_the_answer_is_findings(files: dict[str, bytes]) -> None:
    checked = check(files, profile="relaxed")
    assert len(checked.entries) + len({f.file for f in checked.findings if f.severity == "error"}) == len(files)


def test_many_mistakes_are_told_up_to_a_limit_and_no_error_is_lost() -> None:
    unknown = " ".join(f"{{{{.current.basic.x{n}}}}}" for n in range(300))
    body = ('"title": "{{.current.basic.title}}"', f'"title": "{unknown}"')
    leak = ("{{.current.basic.class}}", "{{.current.basic.secret}}")
    checked = check({ITEM_FILE: changed(ITEM_FILE, body, leak)[ITEM_FILE]}, profile="strict")
    assert [finding.code for finding in checked.findings if finding.severity == "error"] == ["secret_disclosed"]
    assert len(checked.findings) == MAX_FINDINGS + 1
    assert sum(bool(finding.hint) for finding in checked.findings) == 21  # twenty searched, and the error's own
    assert checked.entries == ()


@pytest.mark.parametrize("count", [3, 1000])
def test_the_nearest_name_is_found_among_few_and_many(count: int) -> None:
    names = [f"database-n{number}-test" for number in range(count)]
    assert did_you_mean("database-n2-tset", names) == "Did you mean `database-n2-test`?"
