"""Where PAO may call: an allowlist of addresses, compared as parsed, and addresses that are never called (B48-B53).

Documents are written by many teams, and form values stand in their URLs. So a URL must lie below one of the prefixes
that operators name, must read the same to every parser, and what its host resolves to is checked again at the moment of
connecting. Internal targets are the normal case here, therefore private addresses are fine for a host that is named;
loopback only when it is named as such, cloud metadata services and their like never.
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from django.conf import settings

from pao.core.errors import CallRefused, Misconfigured

NOT_ALLOWED = "DESTINATION_NOT_ALLOWED"
PORTS = {"http": 80, "https": 443}

_NEVER = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8",  # "this host": reaches loopback on Linux
        "100.100.100.200/32",  # metadata, Alibaba Cloud
        "168.63.129.16/32",  # platform service, Azure
        "169.254.0.0/16",  # link-local, with the metadata service of most clouds
        "192.0.0.192/32",  # metadata, Oracle Cloud
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
        "::/128",
        "fe80::/10",  # link-local
        "fec0::/10",  # site-local, withdrawn
        "ff00::/8",  # multicast
        "fd00:ec2::/32",  # metadata and other services of AWS inside an instance
        "fd20:ce::254/128",  # metadata, Google Cloud
        "2001::/32",  # Teredo: the real target is hidden behind a relay
    )
)
# Ranges of IPv6 that carry an IPv4 address, and how many bits to shift it out (NAT64, mapped, compatible, 6to4).
_CARRIERS = (
    (ipaddress.IPv6Network("::ffff:0:0/96"), 0),
    (ipaddress.IPv6Network("::/96"), 0),
    (ipaddress.IPv6Network("64:ff9b::/96"), 0),
    (ipaddress.IPv6Network("64:ff9b:1::/48"), 0),
    (ipaddress.IPv6Network("2002::/16"), 80),
)
_HOST_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*", re.ASCII)
_NUMERIC_LABEL = re.compile(r"([0-9]+|0x[0-9a-f]*)", re.ASCII)
_VISIBLE = re.compile(r"[\x21-\x7e]+", re.ASCII)
_IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True)
class Target:
    """A scheme, host, port and path, as every parser reads them."""

    scheme: str
    host: str
    port: int
    path: str

    def __str__(self) -> str:
        return f"{self.origin}{self.path}"

    @property
    def origin(self) -> str:
        """Scheme, host and port: what fails, and works again, as one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    def covers(self, other: "Target") -> bool:
        """Whether `other` is the same origin, and its path this one or below it, at a border between segments."""
        if (self.scheme, self.host, self.port) != (other.scheme, other.host, other.port):
            return False
        return other.path == self.path or other.path.startswith(self.path.rstrip("/") + "/")


@dataclass(frozen=True)
class Destinations:
    """An allowlist. `setting` names what an operator would change; `loopback` trusts every host listed there."""

    prefixes: tuple[Target, ...]
    setting: str = "PAO_REST_ALLOWED_TARGETS"
    loopback: bool = False

    @classmethod
    def of(
        cls, prefixes: Iterable[str], *, setting: str = "PAO_REST_ALLOWED_TARGETS", loopback: bool = False
    ) -> "Destinations":
        """Build the allowlist from URL prefixes; raises `Misconfigured` for one that is no clean http(s) URL."""
        targets = []
        for prefix in prefixes:
            try:
                targets.append(target_of(prefix))
            except ValueError as error:
                raise Misconfigured(f"{setting}: {prefix!r} is not a usable URL prefix: {error}.") from None
        return cls(tuple(targets), setting, loopback)

    def check(self, url: str) -> Target:
        """Return the target of `url`; raises `CallRefused` (code DESTINATION_NOT_ALLOWED) unless a prefix covers it."""
        try:
            target = target_of(url)
        except ValueError as error:
            raise self._refusal(f"The address cannot be called: {error}.") from None
        if not any(prefix.covers(target) for prefix in self.prefixes):
            raise self._refusal(
                f"PAO may not call {target}. An operator can allow it by adding "
                f"{target.scheme}://{target.host}:{target.port}/ or a longer prefix to {self.setting}."
            )
        return target

    def check_address(self, host: str, address: str) -> None:
        """Check what `host` resolved to, when connecting; raises `CallRefused` when it may not be reached."""
        reason = forbidden(address, loopback=self.loopback or _names_loopback(host))
        if reason:
            raise self._refusal(f"PAO does not connect to {host}: it resolves to {address}, {reason}.")

    def _refusal(self, message: str) -> CallRefused:
        return CallRefused(
            f"{message} Nothing was sent.", code=NOT_ALLOWED, setting=self.setting, next_step=next_step(self.setting)
        )


def next_step(setting: str) -> str:
    """Return what to do about a call that `setting` does not allow."""
    return f"Nothing happened outside. Correct the document, or let an operator extend {setting}; then retry."


def from_settings() -> Destinations:
    """Return the allowlist of rest-api actions, PAO_REST_ALLOWED_TARGETS."""
    return Destinations.of(settings.PAO_REST_ALLOWED_TARGETS)


def target_of(url: str) -> Target:
    """Return what `url` points at; raises ValueError, with a reason, for what two parsers could read differently."""
    parts, port = _split(url)
    if parts.scheme not in PORTS:
        raise ValueError("it must begin with http:// or https://")
    if "@" in parts.netloc:
        raise ValueError("it carries user information before the host")
    return Target(parts.scheme, _host(parts), PORTS[parts.scheme] if port is None else port, _path(parts.path))


def forbidden(address: str, *, loopback: bool) -> str:
    """Return why `address` is never connected to, or an empty text; `loopback` tells whether loopback was asked for."""
    if "%" in address:
        return "a link-local address"
    plain = ipaddress.ip_address(address)
    if plain == ipaddress.IPv6Address("::1"):
        return "" if loopback else "a loopback address that the allowlist does not name"
    real = _carried(plain)
    if any(network.version == one.version and one in network for one in {plain, real} for network in _NEVER):
        return "an address that is never called (metadata, link-local, multicast or unspecified)"
    if real.is_loopback and not loopback:
        return "a loopback address that the allowlist does not name"
    return ""


def _split(url: str) -> tuple[SplitResult, int | None]:
    if not _VISIBLE.fullmatch(url):
        raise ValueError("it has white space, control characters or letters beyond ASCII")
    if "\\" in url:
        raise ValueError("it has a backslash")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("its host or port is malformed") from None
    return parts, port


def _host(parts: SplitResult) -> str:
    host = (parts.hostname or "").removesuffix(".")
    if parts.netloc.startswith("["):
        if "%" in host:
            raise ValueError("its host names a network interface")
        return str(ipaddress.IPv6Address(host))
    if not _HOST_NAME.fullmatch(host) or parts.netloc.endswith(":"):
        raise ValueError("its host or port is malformed")
    # A last label that is a number makes the whole a spelling of an IPv4 address (WHATWG URL): 127.1, 0x7f000001.
    if _NUMERIC_LABEL.fullmatch(host.rpartition(".")[2]):
        try:
            return str(ipaddress.IPv4Address(host))
        except ValueError:
            raise ValueError("its host is an unusual spelling of an IP address") from None
    return host


def _path(path: str) -> str:
    path = path or "/"
    segments = unquote(path).replace("\\", "/").split("/")
    # Some servers cut parameters off a segment before they resolve it: `..;x` is `..` to them.
    if any(segment.partition(";")[0] in {".", ".."} for segment in segments):
        raise ValueError("its path has '.' or '..' as a segment")
    return path


def _carried(address: _IPAddress) -> _IPAddress:
    if isinstance(address, ipaddress.IPv6Address):
        for network, shift in _CARRIERS:
            if address in network:
                return ipaddress.IPv4Address(int(address) >> shift & 0xFFFF_FFFF)
    return address


def _names_loopback(host: str) -> bool:
    bare = host.strip("[]").removesuffix(".")
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return bare == "localhost" or bare.endswith(".localhost")
    return address.is_loopback or _carried(address).is_loopback
