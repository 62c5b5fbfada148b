"""Who is acting, and under which correlation id: what every log line, audit event and outside call carries."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from pao.core.ids import new_id

_WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{8,64}", re.ASCII)

correlation_id: ContextVar[str] = ContextVar("correlation_id", default="")


@dataclass(frozen=True)
class Principal:
    """A person, a service or PAO itself, as far as permissions and audit need to know."""

    id: str
    name: str = ""
    email: str = ""
    teams: tuple[str, ...] = ()
    roles: frozenset[str] = field(default_factory=frozenset)
    tenant: str = "default"
    method: str = ""

    @property
    def is_operator(self) -> bool:
        """Whether this principal may act on everybody's requests."""
        return "operator" in self.roles

    @property
    def is_auditor(self) -> bool:
        """Whether this principal may read everybody's requests."""
        return "auditor" in self.roles or self.is_operator


SYSTEM = Principal(id="system", name="PAO", method="internal", roles=frozenset({"operator"}))


@contextmanager
def correlated(request_correlation_id: str) -> Iterator[None]:
    """Act under a request's correlation id, unless a caller's is there already: a person's call keeps its own."""
    if correlation_id.get():
        yield
        return
    token = correlation_id.set(request_correlation_id)
    try:
        yield
    finally:
        correlation_id.reset(token)


def accept_correlation_id(offered: str | None) -> str:
    """Return the offered id when it is well-formed (8 to 64 of A-Z a-z 0-9 . _ -), else a fresh one (B40)."""
    if offered and _WELL_FORMED.fullmatch(offered):
        return offered
    return str(new_id())
