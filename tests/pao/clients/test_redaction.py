"""What is masked, by name and by value, and what stays readable."""

import base64
import html
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pao.clients.redaction import (
    MASK,
    MOST,
    is_telling,
    masked_body,
    masked_headers,
    masked_text,
    masked_url,
    masked_value,
    secrets_in,
)

CANARY = 'c4n/ry+"<&>\\ \u00fc'


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "Proxy-Authorization",
        "Cookie",
        "Set-Cookie",
        "X-Api-Key",
        "apiKey",
        "api_key",
        "token",
        "accessToken",
        "masterUserPassword",
        "passwd",
        "passphrase",
        "clientSecret",
        "AWS_ACCESS_KEY",
        "privateKey",
        "X-Hub-Signature-256",
        "credentials",
    ],
)
def test_names_that_tell(name: str) -> None:
    assert is_telling(name)


@pytest.mark.parametrize("name", ["Content-Type", "Idempotency-Key", "X-Correlation-ID", "key", "keyboard", "monkey"])
def test_names_that_do_not(name: str) -> None:
    assert not is_telling(name)


@pytest.mark.parametrize(
    "form",
    [
        CANARY,
        json.dumps(CANARY)[1:-1],
        json.dumps(CANARY, ensure_ascii=False)[1:-1],
        quote(CANARY, safe=""),
        quote_plus(CANARY),
        html.escape(CANARY),
        base64.b64encode(CANARY.encode()).decode(),
        base64.urlsafe_b64encode(CANARY.encode()).decode(),
    ],
    ids=["raw", "json", "json-unicode", "url", "form", "html", "base64", "base64url"],
)
def test_a_known_secret_is_masked_in_every_derived_form(form: str) -> None:
    shown = masked_text(f"before {form} after", [CANARY])
    assert form not in shown
    assert shown.startswith(f"before {MASK}")


@pytest.mark.parametrize(
    ("text", "secret", "shown"),
    [
        ("a banana", "a", "a banana"),  # would mask half of every text and so tell what it is (B66)
        ("a banana", "banan", "a banana"),
        ("step 12 of 12", "12", "step 12 of 12"),
        ("zq7", "zq7", MASK),
        ("code=zq7&x=1", "zq7", f"code={MASK}&x=1"),
        ('{"code": "zq7"}', "zq7", f'{{"code": "{MASK}"}}'),
        ("user_zq7.", "zq7", f"user_{MASK}."),
        ("/a%20zq7/b", "zq7", f"/a%20{MASK}/b"),
        ('"line\\nzq7"', "zq7", f'"line\\n{MASK}"'),
        ("xzq7 zq78", "zq7", "xzq7 zq78"),
        ("pin a%2Fb", "a/b", f"pin {MASK}"),
        ("x!ab!y", "!ab!", f"x{MASK}y"),  # its own edges are no letters: it is found within words too
        ("enE3", "zq7", MASK),
    ],
)
def test_short_values_are_searched_for_as_whole_words(text: str, secret: str, shown: str) -> None:
    assert masked_text(text, [secret]) == shown


@pytest.mark.parametrize(
    ("value", "secret", "shown"),
    [
        ({"otp": 90817263, "other": 90817264}, "90817263", {"otp": MASK, "other": 90817264}),
        ([1.5, -7, 7], "1.5", [MASK, -7, 7]),
        (["a", "a banana", 1], "a", [MASK, "a banana", 1]),  # a whole value is masked however short it is
        ([True, None, 1], "1", [True, None, MASK]),
        (["", 0], "", ["", 0]),
    ],
)
def test_numbers_and_whole_values_are_masked(value: object, secret: str, shown: object) -> None:
    assert masked_value(value, [secret]) == shown


@given(
    st.text(min_size=6, max_size=40).filter(lambda secret: secret not in MASK),
    st.text(max_size=80),
    st.text(max_size=80),
)
def test_no_text_shows_a_known_secret(secret: str, before: str, after: str) -> None:
    shown = masked_text(before + secret + after, [secret])
    assert secret not in shown.replace(MASK, "\0") or secret in (before + after)


def test_headers_keep_what_is_harmless() -> None:
    shown = masked_headers(
        {"Authorization": "Bearer abcdef123", "Accept": "x/y", "X-Echo": "abcdef123!"}, ["abcdef123"]
    )
    assert shown == {"Authorization": MASK, "Accept": "x/y", "X-Echo": f"{MASK}!"}


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:pw@host:8/a?b=c", "https://host:8/a?b=c"),
        ("https://host/a?token=abc&page=2", f"https://host/a?token={MASK}&page=2"),
        ("https://host/a#fragment", "https://host/a"),
        ("https://[broken/a", "https://[broken/a"),
    ],
)
def test_addresses(url: str, shown: str) -> None:
    assert masked_url(url) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (
            {"name": "db", "admin": {"passWord": "x", "empty_token": ""}},
            {"name": "db", "admin": {"passWord": MASK, "empty_token": ""}},
        ),
        (b'{"apiKey": "x", "n": 1}', {"apiKey": MASK, "n": 1}),
        ('[{"secret": {"a": 1}}]', [{"secret": MASK}]),
        ("plain hunter22 text", f"plain {MASK} text"),
        ("{broken hunter22", f"{{broken {MASK}"),
        (["hunter22", 3, None, True], [MASK, 3, None, True]),
        (b"\xff\xfe", "\ufffd\ufffd"),
        ("[" * 100_000, "[" * (MOST - 20) + " … (cut)"),
    ],
)
def test_bodies(value: object, shown: object) -> None:
    assert masked_body(value, ["hunter22"]) == shown


def test_a_large_body_becomes_bounded_text() -> None:
    shown = masked_body({"rows": ["x" * 100] * 100, "token": "t"})
    assert isinstance(shown, str)
    assert len(shown) <= MOST
    assert shown.endswith("(cut)")


def test_secrets_of_headers() -> None:
    basic = base64.b64encode(b"pao:hunter22").decode()
    found = secrets_in({"Authorization": f"Basic {basic}", "X-Api-Key": "abcdefg", "Accept": "application/json"})
    assert {"hunter22", basic, "abcdefg", "pao:hunter22"} <= set(found)
    assert "application/json" not in found
    assert "pw1" in secrets_in({"Authorization": "Basic " + base64.b64encode(b"pao:pw1").decode()})
    assert secrets_in({"Authorization": "Basic not-base64!"}) == ("Basic not-base64!", "not-base64!")
