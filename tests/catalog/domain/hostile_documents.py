"""Hostile documents, by the rows of the bad-input matrix: what a repository may hold to make PAO fall over.

Each row is a repository and the codes of what is found in it. Rows B20 to B26 and B45 are about values that users give,
B14 about file systems: they have their tests where those are read.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from catalog.domain.encoding import MAX_BYTES
from tests.catalog.domain.catalog_files import BUNDLE, BUNDLE_FILE, ITEM, ITEM_FILE, OTHER_FILE, TEXTS

Files = Mapping[str, bytes]
NAME = "name: Small Database"
FIELDS = "          - {id: secret, name: Secret, type: password}\n"
BODY = '"title": "{{.current.basic.title}}"'
URL = "https://api.example.com/databases"
TITLE = "{id: title, name: Title, type: string, required: true}"


@dataclass(frozen=True)
class Row:
    """A repository, made when it is asked for, and the codes that the strict profile finds in it."""

    make: Callable[[], Files]
    codes: frozenset[str]


def item(text: str | bytes, *codes: str) -> Row:
    """Return a row whose item is the text."""
    return Row(lambda: {ITEM_FILE: text.encode() if isinstance(text, str) else text}, frozenset(codes))


def changed(old: str, new: str, *codes: str) -> Row:
    """Return a row whose item has one text instead of another."""
    assert old in ITEM
    return item(ITEM.replace(old, new, 1), *codes)


def bundle(components: str, *codes: str, items: Files | None = None) -> Row:
    """Return a row whose bundle has other components, with the usual items unless others are given."""
    start, end = BUNDLE.index("  - id: database"), BUNDLE.index("input:")
    usual = {file: TEXTS[file].encode() for file in (ITEM_FILE, OTHER_FILE)}
    text = BUNDLE[:start] + components + BUNDLE[end:]
    return Row(lambda: {BUNDLE_FILE: text.encode(), **(usual if items is None else items)}, frozenset(codes))


def with_pattern(pattern: str, *codes: str) -> Row:
    """Return a row whose item has a field with the pattern."""
    return changed(TITLE, TITLE.replace("}", f", validation: {{pattern: {json.dumps(pattern)}}}}}"), *codes)


def with_fields(count: int, more: str, *codes: str) -> Row:
    """Return a row whose item has many fields with more members, in which # is the number of the field."""
    fields = (f"          - {{id: f{n}, name: F, type: string{more.replace('#', str(n))}}}\n" for n in range(count))
    return changed(FIELDS, FIELDS + "".join(fields), *codes)


def filled(beginning: str, unit: str, end: str = "", size: int = MAX_BYTES) -> str:
    """Return a text of at most `size` bytes, full of the unit."""
    return beginning + unit * ((size - len(beginning) - len(end)) // len(unit.encode())) + end


def _laughs(begin: str, many: str, end: str) -> str:
    """Return lines that double, or worse, what the line before says."""
    lines = ["a0: &a0 " + begin]
    for level in range(1, 12):
        inner = many.join([f"*a{level - 1}"] * 9)
        lines.append(f"a{level}: &a{level} {begin[0]}{inner}{end}")
    return "\n".join(lines)


def _merges() -> str:
    lines = ["a0: &a0 {x: 1}"]
    lines += [f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}, *a{n - 1}, *a{n - 1}]}}" for n in range(1, 20)]
    return "\n".join(lines)


def _numbered(template: str, count: int) -> str:
    return "".join(template.format(number) for number in range(count))


def _uses(count: int) -> str:
    """Return an item whose one body refers to many fields that do not exist in the bundle's form."""
    references = "".join(f"{{{{.current.basic.f{number % 400}}}}}" for number in range(count))
    fields = _numbered("          - {{id: f{0}, name: F, type: string, required: true}}\n", 400)
    return ITEM.replace(FIELDS, FIELDS + fields, 1).replace(BODY, f'"title": "{references}"', 1)


LARGE_ITEMS = {
    f"catalog/databases/database-small-n{number}.yaml": _uses(2_000)
    .replace("database-small-test", f"database-small-n{number}")
    .encode()
    for number in range(2)
}
CONDITION = " && ".join(["current.name == 'a'"] * 15)
CHAIN = "".join(f"  - {{id: c{n}, catalogItem: compute-app-test, dependsOn: [c{(n + 1) % 50}]}}\n" for n in range(50))
EVERYTHING = "".join(
    f"  - {{id: c{n}, catalogItem: compute-app-test, dependsOn: [{','.join(f'c{before}' for before in range(n))}]}}\n"
    for n in range(50)
)

ROWS: dict[str, Row] = {
    "B01 billion laughs": item(_laughs("[x]", ", ", "]"), "yaml_unsafe"),
    "B01 billion laughs of mappings": item(
        _laughs("{x: 1}", ", y: ", "}").replace("{*", "{z: *"), "yaml_duplicate_key", "yaml_unsafe"
    ),
    "B01 many aliases of one": item(filled("a: &a x\nb: [", "*a,", "]"), "yaml_unsafe"),
    "B01 aliases of many names": item("[" + _numbered("&a{0} x,*a{0},", 15_000) + "]", "document_too_large"),
    "B02 merge keys": item(_merges(), "yaml_unsafe"),
    "B03 an alias inside itself": item("a: &a [*a]", "yaml_unsafe"),
    "B04 depth 33": item("a: " + "[" * 33, "document_too_large"),
    "B04 depth 100,000": item("[" * 100_000, "document_too_large"),
    "B04 depth in blocks": item("".join(f"{' ' * n}a:\n" for n in range(600)), "document_too_large"),
    "B04 depth of block lists": item("- " * 100_000, "document_too_large"),
    "B05 beyond 256 KiB": item("#" * (MAX_BYTES + 1), "document_too_large"),
    "B05 3 MiB": item("a: [" + "x," * 1_500_000 + "]", "document_too_large"),
    "B05 nodes": item(filled("a: [", "[],", "]"), "document_too_large"),
    "B05 scalars": item(filled("a: [", "x,", "]"), "document_too_large"),
    "B05 one scalar": item(filled("a: ", "x"), "schema_version_missing", "kind_missing"),
    "B05 one quoted scalar of escapes": item(filled('a: "', "\\x41", '"'), "schema_version_missing", "kind_missing"),
    "B05 one folded scalar": item(filled("a: >\n", " x\n\n"), "schema_version_missing", "kind_missing"),
    "B05 comments": item(filled("", "#\n"), "not_a_mapping"),
    "B05 a key without end": item(filled("? ", "x"), "schema_version_missing", "kind_missing"),
    "B05 colons": item(filled("", ":"), "yaml_syntax"),
    "B05 an anchor without end": item(filled("a: &", "x"), "schema_version_missing", "kind_missing"),
    "B05 open quotes": item(filled("a: '", "x\n"), "yaml_syntax"),
    "B05 directives": item(filled("", "%A b\n"), "yaml_syntax"),
    "B06 keys twice": item("a: 1\n" * 10_000, "yaml_duplicate_key"),
    "B07 a foreign object": item("a: !!python/object/apply:os.system [id]", "yaml_unsafe"),
    "B07 tags": item(filled("a: [", "!t x,", "]"), "yaml_unsafe"),
    "B07 directives": item(_numbered("%TAG !{0}! x\n", 18_000) + "--- {}", "yaml_unsafe"),
    "B08 documents": item("--- {}\n" * 30_000, "yaml_multiple_documents"),
    "B09 not UTF-8": item(b"a: \xff" * 10_000, "encoding_invalid"),
    "B09 UTF-16": item("a: 1".encode("utf-16"), "encoding_invalid"),
    "B09 NUL": item("a: \x00" * 10_000, "encoding_invalid"),
    "B09 NUL by escape": item('a: "' + "\\0" * 10_000 + '"', "encoding_invalid"),
    "B10 values of YAML 1.1": item(
        ITEM.replace('port: "5432"', "port: [" + "NO, 12:30:00, 010, 1_000," * 1_000 + "]", 1), "yaml_ambiguous"
    ),
    "B11 no numbers": item("a: [.inf, -.inf, .nan, 1e400]", "yaml_unsafe"),
    "B11 a number of 250,000 digits": item("a: " + "9" * 250_000, "yaml_unsafe"),
    "B12 unknown members": changed(NAME, NAME + _numbered("\n  other_{0}: x", 2_000), "key_format"),
    "B12 unknown members of an action": changed(
        "            project: DBA\n",
        "            project: DBA\n" + _numbered("            projekt{0}: x\n", 2_000),
        "unknown_property",
    ),
    "B13 one id, many files": Row(
        lambda: {f"catalog/databases/n{number}.yaml": ITEM.encode() for number in range(20)},
        frozenset({"duplicate_item_id", "file_name_mismatch"}),
    ),
    "B15 a circle of 50": bundle(CHAIN, "component_field_unavailable", "dependency_cycle"),
    "B15 everything depends on everything": bundle(EVERYTHING, "component_field_unavailable"),
    "B15 itself": bundle(
        "  - {id: a, catalogItem: compute-app-test, dependsOn: [a]}\n", "component_field_unavailable", "self_dependency"
    ),
    "B15 500 components": bundle(
        _numbered("  - {{id: c{0}, catalogItem: compute-app-test}}\n", 500), "too_many_components"
    ),
    "B15 unknown items": bundle(
        _numbered("  - {{id: c{0}, catalogItem: database-smal-test{0}}}\n", 50), "component_ref_missing"
    ),
    "B15 unknown dependencies": bundle(
        "  - {id: a, catalogItem: compute-app-test, dependsOn: [" + _numbered("b{0},", 4_000) + "]}\n",
        "depends_on_unknown",
    ),
    "B16 markup": changed(NAME, "name: '<script>alert(1)</script>'"),
    "B16 a link that runs": changed("databases@example.com", "'JaVaScRiPt:alert(1)'", "url_invalid"),
    "B17 hidden characters": changed(NAME, NAME + "\u202e\u200b" * 20_000, "invisible_characters", "string_too_long"),
    "B17 an id that looks alike": changed(
        "id: database-small-test", "id: d\u0430tabase-small-test", "id_format", "file_name_mismatch"
    ),
    "B18 nested repetition": with_pattern("^(a+)+$"),
    "B19 a look ahead": with_pattern("(?=a)", "validation_invalid"),
    "B19 a reference back": with_pattern(r"(a)\1", "validation_invalid"),
    "B19 a repetition of 1,001": with_pattern("a{1,1001}", "validation_invalid"),
    "B19 repetitions of repetitions": with_pattern("((a{100}){100}){100}", "validation_invalid"),
    "B19 groups in groups": with_pattern("(" * 900 + ")" * 900, "validation_invalid"),
    "B19 a pattern without end": with_pattern("a?" * 50_000, "validation_invalid"),
    "B19 many patterns": with_fields(400, ", validation: {pattern: '(a{900}|[b-y]{900})+#'}", "validation_invalid"),
    "B19 the dearest patterns": with_fields(100, r", validation: {pattern: '\w{500}\W{400}#'}"),
    "B19 long patterns": with_fields(100, ", validation: {pattern: '" + "x" * 1_900 + "'}"),
    "B26 many choices": changed("[small, large]", "[" + _numbered("c{0},", 4_500) + "]", "type_mismatch"),
    "B26 many fields": with_fields(700, ""),
    "B26 one field, many times": changed(
        FIELDS, FIELDS + "          - {id: f, name: F, type: string}\n" * 700, "duplicate_field_id"
    ),
    "B46 a function that is none": changed("{{.output.url}}", "{{.output.url | eval}}", "template_syntax"),
    "B46 attributes": changed("{{.output.url}}", "{{.output.__class__.__mro__}}", "template_syntax"),
    "B46 another namespace": changed("{{.output.url}}", "{{.settings.SECRET_KEY}}", "unknown_namespace"),
    "B46 arithmetic": changed("{{.output.url}}", "{{7*7}}", "template_syntax"),
    "B46 open braces": changed('{{.current.basic.title}}",\n', "{{" * 50_000 + '",\n', "template_syntax"),
    "B46 a pipeline without end": changed(
        "{{.output.url}}", "{{.output.url" + " | upper" * 20_000 + "}}", "summary_length", "template_syntax"
    ),
    "B46 unknown references": changed(BODY, '"t": "' + "{{.current.basic.titel}}" * 8_000 + '"', "unknown_reference"),
    "B46 short references": changed(BODY, '"t": "' + "{{.current.x}}" * 17_000 + '"', "unknown_reference"),
    "B46 references in an address": changed(URL, URL + "/{{.current.basic.title}}" * 8_000, "string_too_long"),
    "B46 known references": changed(BODY, '"t": "' + "{{.current.basic.title}}" * 8_000 + '"'),
    "B46 a path without end": changed(BODY, '"t": "{{.current.basic' + ".title" * 20_000 + '}}"', "template_syntax"),
    "B46 one text without a reference": changed(BODY, '"t": "' + "x{y}" * 50_000 + '"'),
    "B46 a body of brackets": changed(BODY, '"t": ' + "[" * 50_000 + "]" * 50_000, "template_syntax"),
    "B46 an expression without end": changed("{url: body.url}", "{url: 'body" + ".a" * 900 + "'}"),
    "B46 an expression of brackets": changed(
        "{url: body.url}", "{url: 'body" + "[" * 1_900 + "'}", "expression_invalid"
    ),
    "B46 many conditions": with_fields(400, f', visibleWhen: "{CONDITION}"', "document_too_large"),
    "B46 a condition of brackets": with_fields(
        1, ', visibleWhen: "' + "(" * 400 + "true" + ")" * 400 + '"', "condition_invalid"
    ),
    "B47 the key of the platform in a ticket": changed(
        "{{.output.url}}", "{{.system.platform.apiKey}}", "secret_disclosed"
    ),
    "B47 the key of the platform in an address": changed(URL, URL + "/{{.system.platform.apiKey}}", "secret_disclosed"),
    "B47 the key of the platform in a body": changed(BODY, '"t": "{{.system.platform.apiKey}}"', "secret_disclosed"),
    "B48 a host of variables": changed(URL, "https://{{.current.basic.title}}/", "url_invalid"),
    "B48 a scheme of variables": changed(URL, "{{.current.basic.title}}://api.example.com/", "url_invalid"),
    "B48 a port of variables": changed(URL, "https://api.example.com:{{.current.basic.title}}/", "url_invalid"),
    "B48 a user of variables": changed(URL, "https://{{.current.basic.title}}@api.example.com/", "url_invalid"),
    "B52 a backslash": changed(URL, "http://127.0.0.1\\\\@good.example/", "url_invalid"),
    "B52 a user": changed(URL, "http://good.example@127.0.0.1/", "url_invalid"),
    "B56 a long summary": changed('"Ready: {{.output.url}}"', filled('"', "x", '"', 200_000), "summary_length"),
    "B56 a label of two words": changed('"{{.current.basic.class}}"', '"two words"', "type_mismatch"),
    "a bundle of 50 large items": bundle(
        _numbered("  - {{id: c{0}, catalogItem: database-small-n0}}\n", 50),
        "component_field_unavailable",
        "duplicate_output_key",
        items=LARGE_ITEMS,
    ),
}
