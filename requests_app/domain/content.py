"""What an uploaded file really is: told by its bytes, with its name as a claim that the bytes must bear out (B25).

Text is whole, valid UTF-8 without control characters; anything else is judged by its magic numbers. Nothing is parsed:
whether JSON or YAML is well-formed is the business of whoever reads the file, and no bound would make that cheap.
"""

import codecs
import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import puremagic

from catalog.domain.forms.limits import FILE_NAME_CAP, settled_type

OCTETS = "application/octet-stream"
PLAIN = "text/plain"

_CHUNK = 65_536
_HEAD = 1_024
_PEM = "application/x-pem-file"
_TEXT_TYPES: Mapping[str, str] = {
    **dict.fromkeys((".txt", ".text", ".log", ".conf", ".cfg", ".ini", ".env", ".properties", ".pub"), PLAIN),
    **dict.fromkeys((".tf", ".tfvars", ".hcl", ".j2", ".tmpl", ".sql", ".py"), PLAIN),
    **dict.fromkeys((".pem", ".csr", ".crt", ".cer", ".key"), _PEM),
    **dict.fromkeys((".yaml", ".yml"), "application/yaml"),
    **dict.fromkeys((".html", ".htm"), "text/html"),
    **dict.fromkeys((".js", ".mjs"), "text/javascript"),
    **dict.fromkeys((".sh", ".bash", ".bat", ".cmd", ".ps1", ".vbs"), "text/x-script"),
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".json": "application/json",
    ".toml": "application/toml",
    ".xml": "application/xml",
    ".xhtml": "application/xhtml+xml",
    ".svg": "image/svg+xml",
    ".md": "text/markdown",
}
# Names under which text and other bytes are both usual.
_EITHER = frozenset({"", ".crt", ".cer", ".key", ".bin", ".dat", ".out", ".der"})
_SAME_ENDING = {".tgz": ".gz", ".jpg": ".jpeg", ".jpe": ".jpeg", ".tif": ".tiff"}
_ACTIVE_TYPES = frozenset(
    {
        "text/html",
        "application/xhtml+xml",
        "image/svg+xml",
        "text/javascript",
        "text/x-script",
        "application/x-executable",
    }
)
_ACTIVE_ENDINGS = frozenset(
    f".{name}"
    for name in re.findall(
        r"\w+", "exe dll com scr sys msi msix jar apk app dmg so dylib elf wasm hta lnk url class swf"
    )
)
_EXECUTABLES = (b"MZ", b"\x7fELF", b"\xfe\xed\xfa", b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe")
_LIKE_TEXT = ((b"%PDF-", ".pdf"), (b"%!PS", ".ps"), (b"{\\rtf", ".rtf"))
_MARKUP = re.compile(
    rb"<(?:(?P<html>!doctype\s+html|html|script|body|iframe)|(?P<svg>!doctype\s+svg|svg))\b", re.IGNORECASE
)
_CONTROL = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f]")
_CATEGORIES_REFUSED = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


class ContradictionError(ValueError):
    """The bytes are not what the name says; the message is a sentence for people."""


class Likeness(NamedTuple):
    """What a magic number of the file stands for: an ending, and a media type where one is known."""

    ending: str
    media_type: str


@dataclass(frozen=True)
class Content:
    """What was found out about a file's bytes, in one reading."""

    size: int
    sha256: str
    is_text: bool
    head: bytes
    likenesses: tuple[Likeness, ...]


def examine(stream: Any) -> Content:
    """Read a whole binary stream once, from its beginning and in pieces, and return what its bytes say."""
    stream.seek(0)
    digest, size, head = hashlib.sha256(), 0, b""
    decoder = codecs.getincrementaldecoder("utf-8")()
    is_text = True
    while chunk := stream.read(_CHUNK):
        digest.update(chunk)
        size += len(chunk)
        head = head or chunk[:_HEAD]
        is_text = is_text and _is_text(decoder, chunk)
    is_text = is_text and _is_text(decoder, b"", final=True)
    return Content(size, digest.hexdigest(), is_text, head, _likenesses(stream, size))


def media_type_of(content: Content, name: str) -> str:
    """Return the media type of a file by its bytes, in lower case. Raises `ContradictionError` when the name lies."""
    ending = ending_of(name)
    if content.is_text:
        return _text_type(content, ending)
    if ending in _TEXT_TYPES and ending not in _EITHER:
        raise ContradictionError(f"The file is named {ending}, but it is no text in UTF-8; save it as UTF-8.")
    if content.head.startswith(_EXECUTABLES):
        if ending not in _ACTIVE_ENDINGS | _EITHER and _is_known(ending):
            raise ContradictionError(f"The file is named {ending}, but it is a program.")
        return "application/x-executable"
    return _binary_type(content, ending)


def is_active(media_type: str, name: str) -> bool:
    """Say whether a browser or a desktop might run the file: only a form that names it by ending or type takes it."""
    return media_type in _ACTIVE_TYPES or ending_of(name) in _ACTIVE_ENDINGS


def ending_of(name: str) -> str:
    """Return what stands after the last dot, dot included, in lower case; empty without one."""
    stem, dot, ending = name.rpartition(".")
    return f".{ending.lower()}" if dot and stem else ""


def clean_name(name: str) -> str:
    """Return a file's name as it may be stored and shown: no folders, nothing unprintable or that turns text around.

    At most 255 characters, the ending kept; empty when nothing is left.
    """
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    plain = "".join(sign for sign in last if unicodedata.category(sign) not in _CATEGORIES_REFUSED)
    plain = " ".join(plain.split()).rstrip(". ")
    ending = ending_of(plain)[:32]
    return plain if len(plain) <= FILE_NAME_CAP else plain[: FILE_NAME_CAP - len(ending)] + ending


def _is_text(decoder: codecs.IncrementalDecoder, chunk: bytes, *, final: bool = False) -> bool:
    try:
        return _CONTROL.search(decoder.decode(chunk, final)) is None
    except UnicodeDecodeError:
        return False


def _likenesses(stream: Any, size: int) -> tuple[Likeness, ...]:
    if not size:
        return ()
    stream.seek(0)
    try:
        found = puremagic.magic_stream(stream)
    except puremagic.PureError:
        return ()
    return tuple(Likeness(one.extension.lower(), one.mime_type.lower()) for one in found if one.byte_match)


def _text_type(content: Content, ending: str) -> str:
    for start, real in _LIKE_TEXT:
        if content.head.startswith(start) and ending != real:
            raise ContradictionError(f"The file is named {ending or 'without ending'}, but it is a {real} file.")
    markup = _MARKUP.match(_without_prolog(content.head))
    if markup:
        wanted = {".svg", ".xml"} if markup["svg"] else {".html", ".htm", ".xhtml", ".xml", ".md"}
        if ending not in wanted:
            raise ContradictionError(f"The file is named {ending or 'without ending'}, but it is a page or a drawing.")
        return "image/svg+xml" if markup["svg"] else _TEXT_TYPES[ending] if ending != ".xml" else "text/html"
    if ending in _TEXT_TYPES:
        return _TEXT_TYPES[ending]
    if any(like.ending == _settled(ending) for like in content.likenesses):
        return _binary_type(content, ending)
    if ending not in _EITHER and _is_known(ending):
        raise ContradictionError(f"The file is named {ending}, but it holds plain text.")
    return PLAIN


def _without_prolog(head: bytes) -> bytes:
    """Return what follows a byte order mark, white space, declarations and comments, in one pass."""
    rest = head.removeprefix(codecs.BOM_UTF8).lstrip()
    while (is_comment := rest.startswith(b"<!--")) or rest.startswith(b"<?"):
        rest = rest.partition(b"-->" if is_comment else b">")[2].lstrip()
    return rest


def _binary_type(content: Content, ending: str) -> str:
    """Return the type of bytes that are no text: that of the likeness which the name claims."""
    claimed = [like for like in content.likenesses if _settled(like.ending) == _settled(ending)]
    if claimed:
        return settled_type(next((like.media_type for like in claimed if like.media_type), OCTETS))
    if ending not in _EITHER and _is_known(ending):
        raise ContradictionError(f"The file is named {ending}, but its content is of another kind.")
    return OCTETS


def _settled(ending: str) -> str:
    return _SAME_ENDING.get(ending, ending)


def _is_known(ending: str) -> bool:
    """Say whether files of this ending have a magic number, so that its absence means something."""
    return _settled(ending) in _KNOWN or ending in _KNOWN


_KNOWN = frozenset(
    row.extension.lower()
    for row in (*puremagic.magic_header_array, *puremagic.magic_footer_array)
    if row.mime_type and not row.mime_type.startswith("text/")
) - {""}
