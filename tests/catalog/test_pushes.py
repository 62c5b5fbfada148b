"""Which pushes concern the catalog: repository, branch and files, in every way that a payload may lack them."""

from typing import Any

import pytest

from catalog.pushes import MOST_COMMITS, MOST_PATHS, judge, name_of
from tests.catalog.payloads import AFTER, BEFORE, commit, pushed

CATALOG = "https://github.com/acme/catalog.git"

SPELLINGS = """
    https://github.com/acme/catalog                          acme/catalog
    https://github.com/acme/catalog.git                      acme/catalog
    https://github.com/acme/catalog/                         acme/catalog
    https://github.com/Acme/Catalog.git/                     acme/catalog
    https://token:x@github.example.com:8443/acme/catalog     acme/catalog
    https://github.com/acme/catalog.git?depth=1              acme/catalog
    http://127.0.0.1:9000/acme/catalog.git                   acme/catalog
    git@github.com:acme/catalog.git                          acme/catalog
    git@github.com:/acme/catalog.git                         acme/catalog
    github.com:acme/catalog                                  acme/catalog
    alias-of-ssh:acme/catalog.git                            acme/catalog
    ssh://git@github.com/acme/catalog.git                    acme/catalog
    ssh://git@ssh.github.com:443/acme/catalog.git            acme/catalog
    git://github.com/acme/catalog.git                        acme/catalog
    file:///srv/git/acme/catalog.git                         acme/catalog
    /srv/git/acme/catalog.git                                acme/catalog
    acme/catalog                                             acme/catalog
    https://github.com/acme/catalog.github.io                acme/catalog.github.io
    https://github.com/acme/catalogs                         acme/catalogs
    https://github.com/evil/acme/catalog                     acme/catalog
    catalog                                                  catalog
"""


@pytest.mark.parametrize(("address", "name"), [line.split() for line in SPELLINGS.strip().splitlines()])
def test_a_repository_is_known_by_any_spelling(address: str, name: str) -> None:
    assert name_of(address) == name
    expected = name == "acme/catalog"
    assert judge(pushed(), repository=address, ref="main").wanted is expected


@pytest.mark.parametrize(
    ("given", "ref", "wanted"),
    [
        ("refs/heads/main", "main", True),
        ("refs/heads/main", "refs/heads/main", True),
        ("refs/tags/v1", "v1", True),
        ("refs/tags/v1", "refs/tags/v1", True),
        ("refs/heads/release/2", "release/2", True),
        ("refs/heads/feature/main", "main", False),
        ("refs/heads/Main", "main", False),
        ("refs/heads/main2", "main", False),
        ("main2", "main", False),
        ("", "main", False),
        (None, "main", False),
        (["refs/heads/main"], "main", False),
    ],
)
def test_only_the_served_branch_counts(given: Any, ref: str, wanted: bool) -> None:  # noqa: FBT001 - a column of the table
    assert judge(pushed() | {"ref": given}, repository=CATALOG, ref=ref).wanted is wanted


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("catalog/databases/database-a-test.yaml", True),
        ("catalog/README.md", True),  # cheap, and simple to say
        ("bundles/bundle-a-test.yaml", True),
        ("CODEOWNERS", True),
        (".github/CODEOWNERS", True),
        ("docs/CODEOWNERS", True),
        ("README.md", False),
        (".github/workflows/check.yaml", False),
        ("other/catalog/a.yaml", False),
        ("catalogs/a.yaml", False),
        ("Catalog/a.yaml", False),
        ("sub/CODEOWNERS", False),
    ],
)
@pytest.mark.parametrize("change", ["added", "removed", "modified"])
def test_only_files_of_the_catalog_count(path: str, change: str, wanted: bool) -> None:  # noqa: FBT001 - as above
    payload = pushed(commits=[commit(BEFORE, added=["README.md"]), commit(**{change: ["LICENSE", path]})])
    assert judge(payload, repository=CATALOG, ref="main").wanted is wanted


OTHER = commit(modified=["README.md"])


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"commits": [OTHER]}, False),
        ({"commits": [OTHER], "forced": True}, True),
        ({"commits": []}, True),  # commits that another branch had already
        ({"commits": None}, True),
        ({"commits": {}}, True),
        ({"commits": ["x"]}, True),
        ({"commits": [OTHER, None]}, True),
        ({"commits": [OTHER] * (MOST_COMMITS - 1)}, False),
        ({"commits": [OTHER] * MOST_COMMITS}, True),  # there may be more
        ({"commits": [commit(added=["README.md"] * MOST_PATHS)]}, True),  # as above
        ({"commits": [commit("c" * 40, modified=["README.md"])]}, True),  # the last one is not the head
        ({"commits": [{"id": AFTER}]}, True),
        ({"commits": [commit(modified=[1, None])]}, False),
        ({"deleted": True}, False),
        ({"deleted": True, "forced": True}, False),
        ({"repository": None}, False),
        ({"repository": "acme/catalog"}, False),
        ({"repository": {"full_name": 1}}, False),
        ({"repository": {"full_name": "ACME/Catalog"}}, True),
    ],
)
def test_in_doubt_a_push_counts_unless_it_is_of_another_repository(changes: dict[str, Any], wanted: bool) -> None:  # noqa: FBT001 - as above
    assert judge(pushed() | changes, repository=CATALOG, ref="main").wanted is wanted


@pytest.mark.parametrize("payload", [{}, {"repository": {"full_name": ""}}, {"repository": {"full_name": "/"}}])
def test_without_a_repository_in_the_settings_nothing_counts(payload: dict[str, Any]) -> None:
    assert not judge(payload, repository="", ref="main").wanted
