"""The codes of findings: one table with each code's meaning and its severity in the two profiles.

Strict is what authors are held to; relaxed is what a sync loads (rulings R2-R6, R23, R40). An error keeps a document
from being served in that profile, a warning does not.
"""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]
Profile = Literal["strict", "relaxed"]


@dataclass(frozen=True)
class Code:
    """What a code means, and how grave it is in each profile."""

    meaning: str
    strict: Severity = "error"
    relaxed: Severity = "error"

    def severity(self, profile: Profile) -> Severity:
        """Return the severity in the profile given."""
        return self.strict if profile == "strict" else self.relaxed


def _error(meaning: str) -> Code:
    return Code(meaning)


def _softened(meaning: str) -> Code:
    return Code(meaning, strict="error", relaxed="warning")


def _warning(meaning: str) -> Code:
    return Code(meaning, strict="warning", relaxed="warning")


CODES: dict[str, Code] = {
    # the file
    "yaml_syntax": _error("the file is not YAML, or a mapping key is not text"),
    "yaml_unsafe": _error("a tag, a merge key, a number JSON cannot hold, or aliases that expand beyond a limit"),
    "yaml_duplicate_key": _error("the same key twice in one mapping"),
    "yaml_multiple_documents": _error("more than one document in a file"),
    "yaml_ambiguous": _warning(
        "unquoted text that older YAML readers take for another value, such as NO, 010 or 2026-01-31"
    ),
    "not_a_mapping": _error("the root is not a mapping"),
    "encoding_invalid": _error("not UTF-8, or a control character"),
    "document_too_large": _error("over the limit of size, depth, nodes or scalars"),
    "invisible_characters": _warning("characters that hide or reorder text when people review it"),
    # identity
    "schema_version_missing": _error("no schemaVersion"),
    "schema_version_unsupported": _error("schemaVersion is not catalog/v1"),
    "kind_missing": _error("no kind"),
    "kind_unknown": _error("kind is neither CatalogItem nor CatalogBundle"),
    "kind_location_mismatch": _error("an item in bundles/ or a bundle in catalog/"),
    "id_format": _error("not kebab-case"),
    "file_name_format": _error("file name is not kebab-case .yaml"),
    "file_name_mismatch": _warning("the file is not named after metadata.id"),
    "duplicate_item_id": _error("two files with one metadata.id"),
    "bundle_id_prefix": _error("a bundle id without the prefix bundle-"),
    "category_folder_mismatch": _error("metadata.category differs from the folder"),
    "version_format": _error("version is not MAJOR.MINOR.PATCH"),
    # structure
    "required_missing": _error("a required member is missing or null (path names the missing member)"),
    "type_mismatch": _error("a member has the wrong type or a value that is not allowed"),
    "unknown_property": _softened("a member the schema does not know"),
    "key_format": _softened("a key that is not camelCase"),
    "not_supported": _warning("a part of the contract that this version of PAO does not carry out"),
    "description_length": _softened("outside 50 to 500 characters (a bundle: always a warning)"),
    "string_too_long": _error("over the stated maximum"),
    # form
    "name_field_invalid": _error("the top-level name is not type string + required true + the fixed pattern"),
    "field_outside_group": _error("fields directly under input.form"),
    "group_id_format": _error("group id is not camelCase"),
    "field_id_format": _error("field id is not camelCase"),
    "duplicate_group_id": _error("group id twice in a form"),
    "duplicate_field_id": _error("field id twice in a group"),
    "reserved_field_id": _error("a field or group named `name`"),
    "field_type_unknown": _error("not one of the ten field types"),
    "enum_missing": _error("select without enum (multiselect: warning)"),
    "enum_empty": _error("enum with no value"),
    "default_not_in_enum": _error("default outside enum"),
    "default_type_mismatch": _error("default of another type than the field"),
    "default_invalid": _softened("default that the form would refuse if somebody typed it"),
    "validation_invalid": _error("a pattern that is not safe or does not compile, a bad bound, or min over max"),
    "template_in_input": _error("a variable reference inside input"),
    "template_in_metadata": _warning("braces in metadata, which stay literal text"),
    "group_name_missing": _warning("group without a label"),
    # fulfillment
    "mode_invalid": _error("a mode that is not manual or automatic, or not sequential or parallel"),
    "mode_actions_missing": _error("a mode without actions"),
    "action_type_unknown": _error("not a known action type"),
    "duplicate_action_id": _error("action id twice in an item"),
    "project_key_format": _error("JIRA project key is not upper case"),
    "summary_length": _error("summaryTemplate over 255 characters"),
    "http_method_invalid": _error("not GET, POST, PUT, DELETE or PATCH"),
    "url_invalid": _error("not an http(s) URL with a literal scheme, host and port"),
    "expression_invalid": _error("an output's expression is not JMESPath"),
    "duplicate_output_key": _warning("an output key written twice"),
    # templates
    "template_syntax": _error("braces that form no reference, or an unknown function"),
    "unknown_namespace": _error("not current, output, metadata or system"),
    "unknown_reference": _warning("a known namespace but nothing there, or an optional value in a bare JSON position"),
    "secret_disclosed": _error("a secret in a place where it would be disclosed"),
    # conditions
    "condition_invalid": _error(
        "a condition outside the language, one no form can decide (soon enough), or fields that hide each other"
    ),
    "condition_doubtful": _warning("a comparison that never holds: other kinds of values, or a value outside the enum"),
    # bundle
    "component_ref_missing": _error("catalogItem names no item"),
    "component_ref_kind": _error("catalogItem names a bundle"),
    "duplicate_component_id": _error("component id twice"),
    "too_many_components": _error("more components than a bundle may have"),
    "depends_on_unknown": _error("dependsOn names no component of this bundle"),
    "self_dependency": _error("a component depends on itself"),
    "dependency_cycle": _error("the dependencies form a circle"),
    "component_field_unavailable": _warning("a component's template uses a form field the bundle's form lacks"),
    "component_field_differs": _warning(
        "a bundle's field has another type, or may be missing where the item's may not"
    ),
    # ownership
    "codeowners_invalid": _warning(
        "a line of CODEOWNERS that is skipped or surprises, or a whole file that is not read"
    ),
    "owner_mismatch": _warning("a team that is none of those that CODEOWNERS has review the file (`check_catalog`)"),
}
