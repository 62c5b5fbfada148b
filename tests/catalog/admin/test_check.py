"""The page that checks a document: who may, what it says, and that nothing is stored."""

import pytest

from catalog.models import CatalogEntry, CatalogFile, CatalogSync
from tests.catalog.admin.conftest import Signed
from tests.catalog.domain.catalog_files import ITEM, ITEM_FILE

pytestmark = pytest.mark.django_db

CHECK = "/admin/catalog/catalogentry/check/"


@pytest.mark.parametrize(
    ("content", "profile", "verdict", "told"),
    [
        (ITEM, "strict", "Nothing is wrong with this document", "0 errors, 0 warnings"),
        (ITEM.replace("\n", "\r\n"), "strict", "Nothing is wrong with this document", "0 errors"),  # as browsers send
        (
            ITEM.replace("kind: CatalogItem", "kind: CatalogThing"),
            "strict",
            "PAO would not serve this document",
            "2:7 <strong>error</strong> <code>kind_unknown</code>",
        ),
        ("a: [", "relaxed", "PAO would not serve this document", "1 error,"),
        ("a: <script>alert(1)</script>", "strict", "PAO would not serve this document", "&lt;script&gt;"),
    ],
    ids=["right", "line ends of browsers", "unknown kind", "no YAML", "markup"],
)
def test_a_document_is_told_what_is_wrong_by_line_and_column(
    signed: Signed, content: str, profile: str, verdict: str, told: str
) -> None:
    page = signed("auditor").post(CHECK, {"path": ITEM_FILE, "content": content, "profile": profile}).content.decode()
    assert verdict in page
    assert told in page
    assert "<script>alert" not in page
    assert not any(model.objects.exists() for model in (CatalogEntry, CatalogFile, CatalogSync))


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ({"path": "README.md", "content": "a", "profile": "strict"}, "Documents are catalog/&lt;category&gt;"),
        ({"path": ITEM_FILE, "content": "", "profile": "strict"}, "This field is required."),
        ({"path": ITEM_FILE, "content": "a", "profile": "lenient"}, "Select a valid choice."),
        ({"path": ITEM_FILE, "content": "a" * 262_145, "profile": "strict"}, "at most 262144 characters"),
    ],
)
def test_what_cannot_be_checked_is_said_at_its_field(signed: Signed, sent: dict[str, str], told: str) -> None:
    page = signed("operator").post(CHECK, sent).content.decode()
    assert told in page
    assert "PAO would" not in page


@pytest.mark.parametrize(("persona", "status"), [("operator", 200), ("auditor", 200), ("requester", 403)])
def test_who_may_check(signed: Signed, persona: str, status: int) -> None:
    assert signed(persona).get(CHECK).status_code == status


def test_the_list_of_entries_leads_to_it(signed: Signed) -> None:
    assert f'href="{CHECK}"' in signed("auditor").get("/admin/catalog/catalogentry/").content.decode()
