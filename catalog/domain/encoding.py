"""From bytes to text: UTF-8 only, bounded, and free of characters that no catalog document needs (B05, B09, B17)."""

import re
from collections.abc import Iterator

MAX_BYTES = 256 * 1024
_MAX_REPORTED = 20

# Control characters, a lone carriage return, line breaks of YAML 1.1 that YAML 1.2 does not know, surrogates and
# non-characters: none can be stored as JSON and shown again unchanged.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]|\r(?!\n)")
# Zero-width characters and controls of writing direction. The joiners U+200C and U+200D are part of words and emoji.
_HIDDEN = re.compile("[\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")


class EncodingProblem(Exception):
    """The bytes are not text that PAO reads."""

    def __init__(self, code: str, message: str, place: tuple[int, int] = (1, 1), hint: str = "") -> None:
        """Take the finding's code and message, line and column from 1, and what to do."""
        super().__init__(message)
        self.code = code
        self.message = message
        self.line, self.column = place
        self.hint = hint


def decode(content: bytes) -> str:
    """Return the text of a file, without a UTF-8 byte order mark.

    Raises `EncodingProblem` for more than 256 KiB, for anything but UTF-8 and for control characters.
    """
    if len(content) > MAX_BYTES:
        message = f"The file has {len(content)} bytes; at most {MAX_BYTES} are read"
        raise EncodingProblem("document_too_large", message, hint="Split it into several items.")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise EncodingProblem("encoding_invalid", "The file is UTF-16", hint="Save it as UTF-8.")
    try:
        text = content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8")
        message = f"The byte 0x{content[error.start]:02X} is not UTF-8"
        raise EncodingProblem("encoding_invalid", message, place_of(before), "Save the file as UTF-8.") from None
    found = forbidden_character(text)
    if found is not None:
        message = f"The character U+{ord(text[found]):04X} is not allowed"
        raise EncodingProblem("encoding_invalid", message, place_of(text[:found]), "Remove it.")
    return text


def forbidden_character(text: str) -> int | None:
    """Return the index of the first character that no document may hold, or None."""
    found = _FORBIDDEN.search(text)
    return found.start() if found else None


def displayable(text: str) -> str:
    """Return the text without characters that hide or reorder what people read (B17)."""
    return _HIDDEN.sub("", text)


def hidden_characters(text: str) -> Iterator[tuple[int, int]]:
    """Yield code point and index of characters that deceive people who review the text (the first twenty)."""
    for count, found in enumerate(_HIDDEN.finditer(text)):
        if count == _MAX_REPORTED:
            return
        yield ord(found.group()), found.start()


def place_of(before: str) -> tuple[int, int]:
    """Return line and column, from 1, of the character that follows the text given."""
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
