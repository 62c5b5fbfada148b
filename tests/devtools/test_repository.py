"""The demo's catalog: the starter as platform teams copy it, and the author's documents word for word."""

from pathlib import Path

from devtools import repository
from devtools.repository import SEED, STARTER
from tests.catalog.domain.test_seed_examples import HOMES


def _made(directory: Path) -> dict[str, bytes]:
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file() and ".git" not in path.relative_to(directory).parts
    }


def test_holds_the_seed_word_for_word_and_the_starter_but_for_the_platforms_address(tmp_path: Path) -> None:
    made = _made(repository.make(tmp_path / "catalog", "http://127.0.0.1:5"))
    for name, home in HOMES.items():
        assert made.pop(f"{home}/{name}.yaml") == (SEED / f"{name}.yaml").read_bytes()
    starter = {path.relative_to(STARTER).as_posix(): path.read_bytes() for path in STARTER.rglob("*") if path.is_file()}
    assert made.keys() == starter.keys()
    changed = {path for path in made if made[path] != starter[path]}
    assert changed == {"catalog/databases/database-instant-sandbox.yaml"}
    assert b"http://127.0.0.1:5/platform/databases" in made[changed.pop()]


def test_what_people_push_stays_until_the_examples_are_others(tmp_path: Path) -> None:
    directory = repository.make(tmp_path / "catalog", "http://127.0.0.1:5")
    document = directory / "catalog" / "databases" / "database-instant-sandbox.yaml"
    document.write_text("theirs", encoding="utf-8")
    repository.make(directory, "http://127.0.0.1:5")
    assert document.read_text(encoding="utf-8") == "theirs"
    repository.make(directory, "http://127.0.0.1:6")
    assert "http://127.0.0.1:6/platform/databases" in document.read_text(encoding="utf-8")


def test_a_push_is_what_github_tells_of_it(tmp_path: Path) -> None:
    directory = repository.make(tmp_path / "catalog", "http://127.0.0.1:5")
    payload = repository.push(directory, "CODEOWNERS", "@example/developer-experience", "@example/everybody")
    assert payload["commits"] == [{"id": payload["after"], "added": [], "removed": [], "modified": ["CODEOWNERS"]}]
    assert (directory / ".git" / "refs" / "heads" / "main").read_text().strip() == payload["after"]
    assert payload["repository"] == {"full_name": f"{tmp_path.name}/catalog"}
