"""What a file is: the bytes decide, the name is a claim (B25)."""

import gzip
import io
import zipfile
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from catalog.domain.forms.limits import FILE_NAME_CAP, FILE_NAME_PATTERN
from catalog.domain.patterns import compile_pattern
from requests_app.domain.content import (
    OCTETS,
    ContradictionError,
    clean_name,
    ending_of,
    examine,
    is_active,
    media_type_of,
)


def zipped(name: str) -> bytes:
    """Return an archive that holds one file."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name), "x")
    return made.getvalue()


PNG = b"\x89PNG\r\n\x1a\n" + bytes(32)
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(32)
PDF = b"%PDF-1.4\n1 0 obj"
ELF = b"\x7fELF\x02\x01\x01" + bytes(32)
EXE = b"MZ\x90\x00" + bytes(64)
SVG = b'<?xml version="1.0"?><!-- a --><svg xmlns="http://www.w3.org/2000/svg"/>'
HTML = b"\n<!DOCTYPE html><script>alert(1)</script>"
PEM = b"-----BEGIN CERTIFICATE-----\nMIIB\n"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
UTF16 = "size;7\n".encode("utf-16")


@pytest.mark.parametrize(
    ("name", "content", "media_type"),
    [
        ("notes.txt", b"hello", "text/plain"),
        ("NOTES.TXT", "gr\u00fc\u00df\t\r\n".encode(), "text/plain"),
        ("notes", b"hello", "text/plain"),
        ("notes.txt", b"<!---->" * 140 + b"<", "text/plain"),  # read in one pass, whatever is nested
        ("notes.txt", b"<!-- never closed <html>", "text/plain"),
        ("notes.weird", b"hello", "text/plain"),
        ("sizes.csv", b"\xef\xbb\xbfa;b\n", "text/csv"),
        ("values.yaml", b"a: 1", "application/yaml"),
        ("values.yml", b"a: 1", "application/yaml"),
        ("config.json", b'{"a": 1', "application/json"),  # the kind is told, not whether it is well-formed
        ("ca.pem", PEM, "application/x-pem-file"),
        ("id.key", PEM, "application/x-pem-file"),
        ("id.key", b"\x30\x82\x01\x00", OCTETS),
        ("logo.svg", SVG, "image/svg+xml"),
        ("page.html", HTML, "text/html"),
        ("plan.pdf", PDF, "application/pdf"),  # a document all in ASCII is one still
        ("logo.png", PNG, "image/png"),
        ("photo.jpg", JPEG, "image/jpeg"),
        ("photo.JPEG", JPEG, "image/jpeg"),
        ("letter.docx", zipped("word/document.xml"), DOCX),
        ("all.zip", zipped("a"), "application/zip"),
        ("all.tgz", gzip.compress(b"x", mtime=0), "application/gzip"),
        ("tool", ELF, "application/x-executable"),
        ("tool.exe", EXE, "application/x-executable"),
        ("tool.bin", EXE, "application/x-executable"),
        ("random.bin", b"\x00\x81\xfe\x13", OCTETS),
        ("random.weird", b"\x00\x81\xfe\x13", OCTETS),
    ],
)  # fmt: skip
def test_the_kind_of_a_file(name: str, content: bytes, media_type: str) -> None:
    assert media_type_of(examine(io.BytesIO(content)), name) == media_type


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("logo.png", JPEG),
        ("logo.png", b"hello"),
        ("logo.png", SVG),
        ("logo.jpg", HTML),
        ("notes.txt", PNG),
        ("notes.txt", HTML),
        ("notes.txt", SVG),
        ("notes.txt", b"<!---->" * 100 + b"<html>"),
        ("notes.txt", PDF),
        ("sizes.csv", UTF16),
        ("sizes.csv", b"caf\xe9"),
        ("sizes.csv", b"a\x00b"),
        ("sizes.csv", b"a\x1b[2Jb"),
        ("plan.pdf", EXE),
        ("plan.pdf", b"not a document"),
        ("letter.docx", b"hello"),
        ("all.zip", b"\x00\x81\xfe\x13"),
        ("page.html", PNG),
    ],
)
def test_a_name_that_contradicts_the_content(name: str, content: bytes) -> None:
    with pytest.raises(ContradictionError, match=r"^The file is named .*\.$"):
        media_type_of(examine(io.BytesIO(content)), name)


@pytest.mark.parametrize(
    ("name", "media_type", "active"),
    [
        ("a.html", "text/html", True),
        ("a.xml", "text/html", True),
        ("a.svg", "image/svg+xml", True),
        ("a", "application/x-executable", True),
        ("a.jar", "application/zip", True),
        ("a.sh", "text/x-script", True),
        ("a.png", "image/png", False),
        ("a.txt", "text/plain", False),
    ],
)
def test_what_might_run(name: str, media_type: str, *, active: bool) -> None:
    assert is_active(media_type, name) is active


def test_a_file_is_read_in_pieces_and_a_sign_may_lie_across_two() -> None:
    content = b"x" * 65_535 + "ü".encode() + b"y" * 70_000
    found = examine(io.BytesIO(content))
    assert (found.size, found.sha256, found.is_text) == (len(content), sha256(content).hexdigest(), True)
    assert not examine(io.BytesIO(content + "ü".encode()[:1])).is_text


@pytest.mark.parametrize(
    ("given", "clean"),
    [
        ("plan.txt", "plan.txt"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\ada\\plan.txt", "plan.txt"),
        ("a\x00b\r\n.txt", "ab.txt"),
        ("invoice\u202etxt.exe", "invoicetxt.exe"),  # no text that runs backwards
        ("e\u0301.txt", "\u00e9.txt"),
        ("  my   plan .txt ", "my plan .txt"),
        ("plan.txt. .", "plan.txt"),
        ("..", ""),
        ("", ""),
        ("/", ""),
        ("x" * 300 + ".pdf", "x" * 251 + ".pdf"),
    ],
)
def test_a_name_is_cleaned(given: str, clean: str) -> None:
    assert clean_name(given) == clean


@hypothesis_settings(deadline=None, max_examples=300)
@given(name=st.text())
def test_a_clean_name_is_one_that_forms_accept(name: str) -> None:
    clean = clean_name(name)
    assert len(clean) <= FILE_NAME_CAP
    assert not clean or compile_pattern(FILE_NAME_PATTERN)(clean)
    assert clean_name(clean) == clean


@pytest.mark.parametrize(("name", "ending"), [("a.B", ".b"), ("a.tar.gz", ".gz"), (".env", ""), ("a", ""), ("a.", ".")])
def test_the_ending_of_a_name(name: str, ending: str) -> None:
    assert ending_of(name) == ending


@hypothesis_settings(deadline=None, max_examples=200)
@given(content=st.binary(max_size=200), ending=st.sampled_from(["", ".txt", ".png", ".pdf", ".zip", ".svg", ".bin"]))
def test_whatever_comes_has_a_kind_or_is_refused(content: bytes, ending: str) -> None:
    try:
        media_type = media_type_of(examine(io.BytesIO(content)), f"x{ending}")
    except ContradictionError:
        return
    assert media_type.count("/") == 1
