"""Reading a git repository by commit: which files are seen, what is refused, how fetching converges (B14, B70, F73)."""

import random
import shutil
from contextlib import nullcontext
from pathlib import Path

import pytest

from catalog import git, source
from catalog.domain.encoding import MAX_BYTES
from pao.core.errors import CatalogInvalid, CatalogUnavailable, Misconfigured, PaoError
from tests.catalog.repository import Repository

ITEM = "catalog/databases/database-a-test.yaml"
REGULAR, EXECUTABLE, SYMLINK = "100644", "100755", "120000"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Return where the bare clone will be."""
    return tmp_path / "clone" / "catalog.git"


def files(clone: Path, commit: str) -> dict[str, bytes]:
    """Return path → content of all files that are read of a commit."""
    return source.read(clone, source.tree(clone, commit).blobs)


def test_a_fetch_makes_the_clone_and_returns_the_commit(repository: Repository, clone: Path) -> None:
    commit = repository.commit({ITEM: "text: ü\n"})
    assert source.fetch(str(repository.folder), "main", clone) == commit
    assert files(clone, commit) == {ITEM: "text: ü\n".encode()}


@pytest.mark.parametrize(
    ("path", "seen"),
    [
        ("catalog/databases/database-a-test.yaml", True),
        ("catalog/databases/database-a-test.yml", True),
        ("catalog/deep/er/than/that.yaml", True),  # the checker passes over it
        ("bundles/bundle-a-test.yaml", True),
        ("CODEOWNERS", True),
        (".github/CODEOWNERS", True),
        ("docs/CODEOWNERS", True),
        ("README.md", False),
        ("catalog/README.md", False),
        ("catalog/databases/database-a-test.yaml.bak", False),
        ("other/database-a-test.yaml", False),
        ("database-a-test.yaml", False),
        ("Catalog/databases/database-a-test.yaml", False),
        ("sub/catalog/databases/database-a-test.yaml", False),
        ("catalog/CODEOWNERS", False),
    ],
)
def test_only_documents_and_codeowners_are_read(repository: Repository, clone: Path, path: str, seen: bool) -> None:  # noqa: FBT001 - a column of the table
    commit = repository.commit({path: "content"})
    source.fetch(str(repository.folder), "main", clone)
    assert files(clone, commit) == ({path: b"content"} if seen else {})


@pytest.mark.parametrize(
    ("name", "mode", "seen"),
    [
        (b"a.yaml", REGULAR, {"catalog/databases/a.yaml"}),
        (b"a.yaml", EXECUTABLE, {"catalog/databases/a.yaml"}),  # a mode that some systems set on everything
        (b"a.yaml", SYMLINK, set()),  # B14
        (b"with space.yaml", REGULAR, {"catalog/databases/with space.yaml"}),
        (b"tab\tand\nline.yaml", REGULAR, {"catalog/databases/tab\tand\nline.yaml"}),
        ("ü.yaml".encode(), REGULAR, {"catalog/databases/ü.yaml"}),
        (b"\xff\xfe.yaml", REGULAR, {"catalog/databases/��.yaml"}),  # no UTF-8
        (b"-rf.yaml", REGULAR, {"catalog/databases/-rf.yaml"}),
    ],
)
def test_names_and_modes_as_hostile_as_git_allows(
    repository: Repository, clone: Path, name: bytes, mode: str, seen: set[str]
) -> None:
    commit = repository.commit_tree({name: (mode, b"/etc/passwd")})
    source.fetch(str(repository.folder), "main", clone)
    assert set(source.tree(clone, commit).blobs) == seen


def test_no_path_leads_out_of_the_repository(repository: Repository, clone: Path) -> None:
    """Nothing is checked out, so even a tree that names `..` writes no file anywhere."""
    repository.commit_tree({b"a.yaml": (REGULAR, b"a: 1")})
    inner = repository.git("rev-parse", "main:catalog/databases").decode().strip()
    for folder in ("..", "..", "catalog"):
        inner = repository.git("mktree", given=f"040000 tree {inner}\t{folder}\n".encode()).decode().strip()
    commit = repository.git("commit-tree", inner, "-m", "raw").decode().strip()
    repository.git("update-ref", "refs/heads/main", commit)
    source.fetch(str(repository.folder), "main", clone)
    files(clone, commit)
    assert list(clone.parent.parent.rglob("a.yaml")) == []


def test_contents_come_back_byte_for_byte(repository: Repository, clone: Path) -> None:
    contents = {
        "catalog/a/empty.yaml": b"",
        "catalog/a/binary.yaml": bytes(range(256)) * 10,
        "catalog/a/no-end.yaml": b"no newline at the end",
        "catalog/a/lines.yaml": b"\n\n\r\n\n",
        "catalog/a/like-git.yaml": b"0123456789abcdef0123456789abcdef01234567 blob 3\nabc\n",
        "catalog/b/same.yaml": b"",
    }
    commit = repository.commit(dict(contents))
    source.fetch(str(repository.folder), "main", clone)
    assert files(clone, commit) == contents


@pytest.mark.parametrize(("size", "read"), [(MAX_BYTES, True), (MAX_BYTES + 1, False), (MAX_BYTES * 10, False)])
def test_a_document_that_is_too_large_is_not_read(
    repository: Repository,
    clone: Path,
    size: int,
    read: bool,  # noqa: FBT001 - a column of the table
) -> None:
    small = "catalog/databases/database-b-test.yaml"
    commit = repository.commit({ITEM: b"x" * size, small: b"b: 1"})
    source.fetch(str(repository.folder), "main", clone)
    found = files(clone, commit)
    assert found[small] == b"b: 1"
    assert found[ITEM] == (b"x" * size if read else b" " * (MAX_BYTES + 1))


def test_an_empty_catalog_has_no_files(repository: Repository, clone: Path) -> None:
    commit = repository.commit({})
    source.fetch(str(repository.folder), "main", clone)
    assert files(clone, commit) == {}


def test_more_files_than_pao_reads_are_refused(
    repository: Repository, clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "MOST_FILES", 2)
    commit = repository.commit({f"catalog/a/file-{number}.yaml": "a: 1" for number in range(3)})
    source.fetch(str(repository.folder), "main", clone)
    with pytest.raises(CatalogInvalid, match="has 3 catalog files; PAO reads at most 2"):
        files(clone, commit)


@pytest.mark.parametrize(("most", "is_refused"), [(2, True), (3, False)])
def test_more_bytes_than_pao_reads_are_refused(
    repository: Repository,
    clone: Path,
    monkeypatch: pytest.MonkeyPatch,
    most: int,
    is_refused: bool,  # noqa: FBT001 - a column of the table
) -> None:
    monkeypatch.setattr(source, "MOST_BYTES", most)
    large = b"x" * (MAX_BYTES + 1)  # not read, so not counted
    commit = repository.commit({"catalog/a/a.yaml": b"1", "catalog/a/b.yaml": b"22", "catalog/a/c.yaml": large})
    source.fetch(str(repository.folder), "main", clone)
    with pytest.raises(CatalogInvalid, match="PAO reads at most") if is_refused else nullcontext():
        source.tree(clone, commit)


def test_a_tree_that_unfolds_without_end_is_refused_while_it_is_read(
    repository: Repository, clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten folders of ten folders, and so on: a handful of objects stands for 10,000,000,000 files (B14)."""
    monkeypatch.setattr(source, "_LISTING_BYTES", 1_000_000)
    blob = repository.git("hash-object", "-w", "--stdin", given=b"a: 1").decode().strip()
    inner = repository.git("mktree", given=f"100644 blob {blob}\ta.yaml\n".encode()).decode().strip()
    for _ in range(10):
        lines = "".join(f"040000 tree {inner}\tfolder{number}\n" for number in range(10))
        inner = repository.git("mktree", given=lines.encode()).decode().strip()
    root = repository.git("mktree", given=f"040000 tree {inner}\tcatalog\n".encode()).decode().strip()
    repository.git("update-ref", "refs/heads/main", repository.git("commit-tree", root, "-m", "bomb").decode().strip())
    commit = source.fetch(str(repository.folder), "main", clone)
    with pytest.raises(CatalogInvalid, match="too large: git ls-tree tells of more than PAO reads"):
        source.tree(clone, commit)


def test_a_repository_that_is_too_large_is_refused_while_it_comes(
    repository: Repository, clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(git, "MOST_WRITTEN_BYTES", 512 * 1024)
    repository.commit({"film.bin": random.Random(0).randbytes(1024 * 1024)})  # noqa: S311 - what cannot be compressed
    with pytest.raises(CatalogInvalid, match="The repository is too large"):
        source.fetch(str(repository.folder), "main", clone)
    assert sum(path.stat().st_size for path in clone.rglob("*") if path.is_file()) < 100_000  # nothing stays behind


def test_a_submodule_is_passed_over(repository: Repository, clone: Path) -> None:
    first = repository.commit({ITEM: "a: 1"})
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{first},catalog/databases/database-b-test.yaml")
    repository.git("commit", "--quiet", "--message", "a submodule")
    commit = source.fetch(str(repository.folder), "main", clone)
    tree = source.tree(clone, commit)
    assert (set(tree.blobs), tree.passed_over) == (
        {ITEM},
        {"catalog/databases/database-b-test.yaml": "A submodule is not read"},
    )


@pytest.mark.parametrize("letter", [b"a", "ü".encode(), "漢".encode()])
@pytest.mark.parametrize(("more", "seen"), [(0, True), (1, False)])
def test_a_path_that_fits_nowhere_is_passed_over(
    repository: Repository,
    clone: Path,
    letter: bytes,
    more: int,
    seen: bool,  # noqa: FBT001 - a column of the table
) -> None:
    length = source.LONGEST_PATH + more - len("catalog/databases/.yaml")
    name = letter * (length // len(letter)) + b"a" * (length % len(letter))
    commit = repository.commit_tree({name + b".yaml": (REGULAR, b"a: 1")})
    source.fetch(str(repository.folder), "main", clone)
    tree = source.tree(clone, commit)
    assert (len(tree.blobs), list(tree.passed_over.values())) == (
        (1, []) if seen else (0, ["The path has 1025 bytes; at most 1024 are read"])
    )


def test_a_name_that_is_no_text_counts_as_it_is_stored(repository: Repository, clone: Path) -> None:
    """Each such byte is kept as a sign of three."""
    commit = repository.commit_tree({b"\xff" * 400 + b".yaml": (REGULAR, b"a: 1")})
    source.fetch(str(repository.folder), "main", clone)
    assert source.tree(clone, commit).blobs == {}


def test_code_owners_may_be_larger_than_a_document(repository: Repository, clone: Path) -> None:
    text = b"# " + b"x" * MAX_BYTES
    commit = repository.commit({"CODEOWNERS": text})
    source.fetch(str(repository.folder), "main", clone)
    assert files(clone, commit) == {"CODEOWNERS": text}


def test_one_file_of_code_owners_is_read(repository: Repository, clone: Path) -> None:
    commit = repository.commit({"docs/CODEOWNERS": "a", "CODEOWNERS": "b", ".github/CODEOWNERS": "c"})
    source.fetch(str(repository.folder), "main", clone)
    assert files(clone, commit) == {".github/CODEOWNERS": b"c"}


# --- commits


def test_a_branch_holds_what_was_pushed_before_and_no_more_what_was_replaced(
    repository: Repository, clone: Path
) -> None:
    first = repository.commit({ITEM: "a: 1"})
    second = repository.commit({ITEM: "a: 2"})
    repository.git("reset", "--quiet", "--hard", first)
    third = repository.commit({ITEM: "a: 3"})
    source.fetch(str(repository.folder), "main", clone)
    assert [source.holds(clone, third, earlier) for earlier in (first, second, third)] == [True, False, True]


def test_history_is_kept_as_far_back_as_is_said(
    repository: Repository, clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "HISTORY", 2)
    first, second, third = (repository.commit({ITEM: f"a: {number}"}) for number in range(3))
    source.fetch(str(repository.folder), "main", clone)
    assert [source.holds(clone, third, earlier) for earlier in (first, second)] == [False, True]


def test_a_new_commit_is_fetched_into_the_same_clone(repository: Repository, clone: Path) -> None:
    first = repository.commit({ITEM: "a: 1"})
    source.fetch(str(repository.folder), "main", clone)
    second = repository.commit({ITEM: "a: 2"})
    assert source.fetch(str(repository.folder), "main", clone) == second
    assert files(clone, second) == {ITEM: b"a: 2"}
    assert files(clone, first) == {ITEM: b"a: 1"}


def test_a_force_push_converges_to_head(repository: Repository, clone: Path) -> None:  # F73
    first = repository.commit({ITEM: "a: 1"})
    repository.commit({ITEM: "a: 2"})
    source.fetch(str(repository.folder), "main", clone)
    repository.git("reset", "--quiet", "--hard", first)
    assert source.fetch(str(repository.folder), "main", clone) == first
    other = repository.commit({ITEM: "a: 3"})
    assert source.fetch(str(repository.folder), "main", clone) == other
    assert files(clone, other) == {ITEM: b"a: 3"}


@pytest.mark.parametrize("annotated", [False, True], ids=["light tag", "annotated tag"])
def test_a_tag_can_be_served(repository: Repository, clone: Path, annotated: bool) -> None:  # noqa: FBT001 - a column
    commit = repository.commit({ITEM: "a: 1"})
    repository.git("tag", *(["--annotate", "--message", "a release"] if annotated else []), "v1")
    repository.commit({ITEM: "a: 2"})
    assert source.fetch(str(repository.folder), "v1", clone) == commit


def test_another_repository_may_take_the_place(repository: Repository, clone: Path, tmp_path: Path) -> None:
    repository.commit({ITEM: "a: 1"})
    source.fetch(str(repository.folder), "main", clone)
    other = Repository(tmp_path / "other")
    commit = other.commit({ITEM: "b: 1"})
    assert source.fetch(str(other.folder), "main", clone) == commit
    assert files(clone, commit) == {ITEM: b"b: 1"}


# --- what cannot be had


@pytest.mark.parametrize(
    ("repository_of", "ref", "kind", "words"),
    [
        ("", "main", Misconfigured, "PAO_CATALOG_REPOSITORY is not set"),
        ("{}", "nowhere", CatalogUnavailable, "couldn't find remote ref nowhere"),
        ("{}/none", "main", CatalogUnavailable, "does not appear to be a git repository"),
        ("{}//pao:s3cret@none", "main", CatalogUnavailable, r"//\*\*\*@none' does not appear"),  # no password in it
        ("--upload-pack=touch {}/pwned", "main", Misconfigured, "must not begin with a hyphen"),  # B70
        ("{}", "--upload-pack=touch {}/pwned", Misconfigured, "must not begin with a hyphen"),
        ("ext::sh -c touch% {}/pwned", "main", CatalogUnavailable, "transport 'ext' not allowed"),
        ("{}", "main:refs/heads/other", CatalogUnavailable, "invalid refspec"),
        ("{}", "refs/heads/*", CatalogUnavailable, "invalid refspec"),
    ],
)
def test_what_cannot_be_fetched_is_told_in_gits_words(
    repository: Repository, clone: Path, repository_of: str, ref: str, kind: type[PaoError], words: str
) -> None:
    repository.commit({ITEM: "a: 1"})
    folder = str(repository.folder)
    with pytest.raises(kind, match=words):
        source.fetch(repository_of.format(folder), ref.format(folder), clone)
    assert not (repository.folder / "pwned").exists()


def test_what_cannot_be_fetched_leaves_the_last_commit_readable(repository: Repository, clone: Path) -> None:
    commit = repository.commit({ITEM: "a: 1"})
    source.fetch(str(repository.folder), "main", clone)
    with pytest.raises(CatalogUnavailable):
        source.fetch(str(repository.folder), "nowhere", clone)
    assert files(clone, commit) == {ITEM: b"a: 1"}
    assert source.fetch(str(repository.folder), "main", clone) == commit


def test_an_empty_repository_has_no_ref(repository: Repository, clone: Path) -> None:
    with pytest.raises(CatalogUnavailable, match="couldn't find remote ref main"):
        source.fetch(str(repository.folder), "main", clone)


@pytest.mark.parametrize("broken", ["shallow.lock", "refs/pao/served.lock", "HEAD", "config", "objects"])
def test_a_broken_clone_is_made_anew(repository: Repository, clone: Path, broken: str) -> None:
    """Git was killed, or the disk was full: a lock is left, or a file is empty."""
    repository.commit({ITEM: "a: 1"})
    source.fetch(f"file://{repository.folder}", "main", clone)
    if broken == "objects":
        shutil.rmtree(clone / broken)
    (clone / broken).write_text("[")
    commit = repository.commit({ITEM: "a: 2"})
    assert source.fetch(f"file://{repository.folder}", "main", clone) == commit
    assert files(clone, commit) == {ITEM: b"a: 2"}


def test_a_clone_that_lacks_an_object_says_so(repository: Repository, clone: Path) -> None:
    commit = repository.commit({ITEM: "a: 1"})
    source.fetch(str(repository.folder), "main", clone)
    missing = source.Blob("0" * 40, 4)
    with pytest.raises(CatalogUnavailable, match=f"lacks {ITEM}"):
        source.read(clone, source.tree(clone, commit).blobs | {ITEM: missing})


def test_a_broken_clone_is_kept_while_the_repository_is_away(repository: Repository, clone: Path) -> None:
    commit = repository.commit({ITEM: "a: 1"})
    source.fetch(str(repository.folder), "main", clone)
    (clone / "shallow.lock").touch()
    with pytest.raises(CatalogUnavailable):
        source.fetch(str(repository.folder / "none"), "main", clone)
    assert files(clone, commit) == {ITEM: b"a: 1"}


def test_a_half_made_clone_is_completed(repository: Repository, clone: Path) -> None:
    """A process killed between making the folder and `git init` leaves an empty folder."""
    commit = repository.commit({ITEM: "a: 1"})
    clone.mkdir(parents=True)
    assert source.fetch(str(repository.folder), "main", clone) == commit


def test_without_git_the_message_says_so(
    repository: Repository, clone: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Misconfigured, match="git is not installed"):
        source.fetch(str(repository.folder), "main", clone)


def test_git_that_never_ends_is_ended(repository: Repository, clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "SECONDS", 0.0)
    with pytest.raises(CatalogUnavailable, match="git init did not end within"):
        source.fetch(str(repository.folder), "main", clone)


def test_the_environment_of_another_repository_does_not_lead_git_astray(
    repository: Repository, clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Git hooks run with GIT_DIR set; a sync inside one must not touch that repository."""
    commit = repository.commit({ITEM: "a: 1"})
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere.git"))
    monkeypatch.setenv("GIT_CONFIG_PARAMETERS", "'core.bare=false'")
    assert source.fetch(str(repository.folder), "main", clone) == commit
    assert not (tmp_path / "elsewhere.git").exists()


# --- the remote head


@pytest.mark.parametrize("ref", ["main", "refs/heads/main", "v1", "v2", "HEAD"])
def test_the_head_is_the_commit_that_a_fetch_would_bring(repository: Repository, tmp_path: Path, ref: str) -> None:
    repository.commit({ITEM: "a: 1\n"})
    repository.git("tag", "v1")
    repository.git("tag", "--annotate", "--message", "two", "v2")
    repository.git("branch", "other/main")
    repository.commit({ITEM: "a: 2\n"})
    asked = source.head(str(repository.folder), ref)
    assert asked == source.fetch(str(repository.folder), ref, tmp_path / "clone")


def test_a_tag_goes_before_a_branch_of_the_same_name_as_git_has_it(repository: Repository, tmp_path: Path) -> None:
    tagged = repository.commit({ITEM: "a: 1\n"})
    repository.git("tag", "main")
    repository.commit({ITEM: "a: 2\n"})
    assert source.head(str(repository.folder), "main") == tagged
    assert source.fetch(str(repository.folder), "main", tmp_path / "clone") == tagged


@pytest.mark.parametrize(
    ("repository_name", "ref", "error"),
    [
        ("", "main", Misconfigured),
        ("--upload-pack=touch /tmp/owned", "main", Misconfigured),
        (None, "--upload-pack=touch /tmp/owned", Misconfigured),
        (None, "nowhere", CatalogUnavailable),
        ("/nowhere/at/all", "main", CatalogUnavailable),
    ],
)
def test_a_head_that_cannot_be_had_is_told(
    repository: Repository, repository_name: str | None, ref: str, error: type[PaoError]
) -> None:
    repository.commit({ITEM: "a: 1\n"})
    with pytest.raises(error):
        source.head(str(repository.folder) if repository_name is None else repository_name, ref)
