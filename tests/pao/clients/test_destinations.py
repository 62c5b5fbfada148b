"""Where PAO may call, and the many ways of writing where it may not (B48-B53)."""

import ipaddress

import pytest
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from pao.clients.destinations import NOT_ALLOWED, Destinations, forbidden, from_settings, target_of
from pao.core.errors import CallRefused, Misconfigured

ALLOWED = Destinations.of(
    ["https://api.example.com/v1/", "http://10.1.2.3:8080", "http://127.0.0.1:9000", "https://[2001:db8::1]:8443/x"]
)


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.com/v1/databases",
        "https://API.example.com:443/v1/databases?size=3#top",
        "https://api.example.com./v1/x",
        "HTTPS://api.example.com/v1/x",
        "http://10.1.2.3:8080",
        "http://10.1.2.3:8080/any/thing",
        "http://127.0.0.1:9000/x",
        "https://[2001:db8:0::1]:8443/x",
        "https://[2001:db8::1]:8443/x/y",
    ],
)
def test_below_a_prefix(url: str) -> None:
    assert ALLOWED.check(url).host


@pytest.mark.parametrize(
    "url",
    [
        "http://api.example.com/v1/x",  # other scheme
        "https://api.example.com:8443/v1/x",  # other port
        "https://api.example.com/v10/x",  # the prefix ends inside a segment
        "https://api.example.com/v1",  # above the prefix
        "https://api.example.com/V1/x",  # paths keep their case
        "https://api.example.com/%761/x",  # an encoded letter is another path
        "https://api.example.com.evil.example/v1/x",
        "https://evil.example/api.example.com/v1/",
        "https://api.example.com@evil.example/v1/x",
        "https://user:pw@api.example.com/v1/x",
        "https://@api.example.com/v1/x",
        "https://evil.example\\@api.example.com/v1/x",  # parsers differ (B52)
        "https://api.example.com\\.evil.example/v1/x",
        "https://api.example.com/v1/../admin",
        "https://api.example.com/v1/%2e%2e/admin",
        "https://api.example.com/v1/.%2E/admin",
        "https://api.example.com/v1/..;x/admin",
        "https://api.example.com/v1/..%2fadmin",
        "https://api.example.com/v1/..%5cadmin",
        "https://api.example.com/v1/x y",
        "https://api.example.com/v1/x\n",
        "https://api.example.com/v1/\u00fc",
        "https://\uff41pi.example.com/v1/x",  # full-width letters
        "ftp://api.example.com/v1/x",
        "file:///etc/passwd",
        "//api.example.com/v1/x",
        "api.example.com/v1/x",
        "",
        "https://",
        "https://api.example.com:/v1/x",
        "https://api.example.com:99999/v1/x",
        "https://api..example.com/v1/x",
        "https://-api.example.com/v1/x",
        "http://127.1:9000/x",  # spellings of 127.0.0.1 (B51)
        "http://0x7f000001:9000/x",
        "http://0x7f.0.0.1:9000/x",
        "http://2130706433:9000/x",
        "http://0177.0.0.1:9000/x",
        "http://127.0.0.1.:9001/x",
        "http://[::ffff:127.0.0.1]:9000/x",
        "http://[fe80::1%25eth0]/x",
        "http://[::1/x",
    ],
)
def test_refused_with_what_to_do(url: str) -> None:
    with pytest.raises(CallRefused) as refused:
        ALLOWED.check(url)
    assert refused.value.facts["code"] == NOT_ALLOWED
    assert refused.value.facts["setting"] == "PAO_REST_ALLOWED_TARGETS"
    assert "Nothing was sent" in refused.value.message


def test_the_refusal_names_the_prefix_to_add() -> None:
    with pytest.raises(CallRefused, match=r"https://db\.example:443/ or a longer prefix to PAO_REST_ALLOWED_TARGETS"):
        Destinations.of([]).check("https://db.example/provision")


@pytest.mark.parametrize(
    "prefix", ["api.example.com", "https://user@host/", "ftp://host", "https://a b", "http://127.1"]
)
def test_an_unusable_prefix_is_a_setting_error(prefix: str) -> None:
    with pytest.raises(Misconfigured, match="PAO_REST_ALLOWED_TARGETS"):
        Destinations.of([prefix])


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",  # metadata
        "169.254.0.1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%eth0",
        "0.0.0.0",  # noqa: S104 - refused here, not bound
        "0.1.2.3",
        "::",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "224.0.0.1",
        "255.255.255.255",
        "ff02::1",
        "::ffff:169.254.169.254",  # mapped
        "::169.254.169.254",  # compatible
        "64:ff9b::a9fe:a9fe",  # NAT64
        "64:ff9b:1::a9fe:a9fe",  # NAT64, local
        "2002:a9fe:a9fe::1",  # 6to4
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",  # Teredo
    ],
)
def test_never_connected_to_even_when_loopback_is_fine(address: str) -> None:
    assert forbidden(address, loopback=True)


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"]
)
def test_loopback_only_when_it_is_named(address: str) -> None:
    assert forbidden(address, loopback=False)
    assert not forbidden(address, loopback=True)


@pytest.mark.parametrize(
    "address", ["10.0.0.1", "172.16.0.1", "192.168.1.1", "8.8.8.8", "fd12::1", "2001:db8::1", "2a00:1::1"]
)
def test_private_and_public_addresses_are_fine_for_a_named_host(address: str) -> None:
    assert not forbidden(address, loopback=False)


@pytest.mark.parametrize(
    ("host", "address", "allowed"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("localhost", "127.0.0.1", True),
        ("app.localhost", "::1", True),
        ("[::1]", "::1", True),
        ("api.example.com", "10.1.1.1", True),
        ("api.example.com", "127.0.0.1", False),  # rebinding (B53)
        ("api.example.com", "169.254.169.254", False),
        ("localhost.evil.example", "127.0.0.1", False),
    ],
)
def test_what_a_host_may_resolve_to(host: str, address: str, allowed: bool) -> None:  # noqa: FBT001 - a column of the table
    if allowed:
        ALLOWED.check_address(host, address)
    else:
        with pytest.raises(CallRefused) as refused:
            ALLOWED.check_address(host, address)
        assert refused.value.facts["code"] == NOT_ALLOWED


def test_an_operators_own_instance_may_resolve_to_loopback() -> None:
    Destinations.of(["http://jira.test"], loopback=True).check_address("jira.test", "127.0.0.1")


@override_settings(PAO_REST_ALLOWED_TARGETS=["https://a.example/x"])
def test_the_setting() -> None:
    assert from_settings().check("https://a.example/x/y").path == "/x/y"


@given(st.ip_addresses(v=4))
def test_a_carried_address_is_judged_like_itself(address: ipaddress.IPv4Address) -> None:
    carried = ipaddress.IPv6Address(int(ipaddress.IPv6Address("64:ff9b::")) + int(address))
    for loopback in (True, False):
        assert bool(forbidden(str(carried), loopback=loopback)) == bool(forbidden(str(address), loopback=loopback))


@given(st.text(max_size=60))
def test_any_text_is_a_target_or_a_value_error(text: str) -> None:
    for url in (text, f"https://{text}", f"https://a.example/{text}"):
        try:
            target = target_of(url)
        except ValueError:
            continue
        assert target_of(str(target)) == target
