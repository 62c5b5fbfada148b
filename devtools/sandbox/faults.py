"""The fault switch: what shall go wrong, for which calls, how often (fault matrix F38-F47 in the design)."""

import fnmatch
import itertools
import random
import threading
from dataclasses import asdict, dataclass
from typing import Any

KINDS = {
    "400": "refused as bad request; nothing was done",
    "429": "refused as too many requests, with Retry-After; nothing was done",
    "500": "server error; nothing was done",
    "delay": "answered late",
    "reset": "connection reset before anything was done",
    "swallow": "done, then the connection is closed without an answer",
    "cut": "done, then the answer breaks off in the middle",
    "lag": "search does not show tickets younger than the given seconds",
}
ENDING = frozenset(KINDS) - {"delay", "lag"}
LONGEST_SECONDS = 3600.0


@dataclass
class Fault:
    """One armed fault. ``match`` is ``METHOD /path`` where ``*`` stands for anything; ``times`` None means always.

    ``seconds`` is the length of a delay, the age hidden by a lag, or the Retry-After of a 429.
    """

    id: int
    match: str
    fault: str
    seconds: float = 1.0
    times: int | None = None
    probability: float = 1.0


class FaultSwitch:
    """Holds the armed faults, in memory: a restart of the sandbox heals everything."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._ids = itertools.count(1)
        self._lock = threading.Lock()

    def arm(self, wanted: Any) -> Fault:
        """Arm a fault described by a JSON object with match, fault and optionally seconds, times, probability.

        Raises:
            ValueError: the description is wrong; the message says where.

        """
        values = _checked(wanted)
        with self._lock:
            fault = Fault(id=next(self._ids), **values)
            self._faults.append(fault)
        return fault

    def clear(self, fault_id: int | None = None) -> int:
        """Disarm one fault, or all; return how many were armed before."""
        with self._lock:
            before = len(self._faults)
            self._faults = [fault for fault in self._faults if fault_id is not None and fault.id != fault_id]
            return before - len(self._faults)

    def armed(self) -> list[dict[str, Any]]:
        """Return the armed faults as JSON objects, oldest first."""
        with self._lock:
            return [asdict(fault) for fault in self._faults]

    def take(self, method: str, path: str) -> list[Fault]:
        """Return the faults that strike this call, at most one of them ending it, and count them down."""
        call = f"{method} {path}"
        struck: list[Fault] = []
        with self._lock:
            for fault in self._faults:
                ended = any(earlier.fault in ENDING for earlier in struck)
                if not fnmatch.fnmatchcase(call, fault.match) or (ended and fault.fault in ENDING):
                    continue
                if random.random() < fault.probability:
                    struck.append(fault)
                    fault.times = None if fault.times is None else fault.times - 1
            self._faults = [fault for fault in self._faults if fault.times != 0]
        return struck


def _checked(wanted: Any) -> dict[str, Any]:
    if not isinstance(wanted, dict) or not isinstance(wanted.get("match"), str) or not wanted["match"].strip():
        raise ValueError('Give an object with "match", such as "POST /rest/api/3/issue", and "fault".')
    if wanted.get("fault") not in list(KINDS):
        raise ValueError(f'"fault" must be one of {", ".join(KINDS)}.')
    unknown = set(wanted) - {"match", "fault", "seconds", "times", "probability"}
    if unknown:
        raise ValueError(f"Unknown: {', '.join(sorted(unknown))}. Known: match, fault, seconds, times, probability.")
    values: dict[str, Any] = {"match": wanted["match"].strip(), "fault": wanted["fault"]}
    for name, low, high in (("seconds", 0, LONGEST_SECONDS), ("probability", 0, 1)):
        if name in wanted:
            values[name] = _number(name, wanted[name], low, high)
    if wanted.get("times") is not None:
        times = wanted["times"]
        if isinstance(times, bool) or not isinstance(times, int) or times < 1:
            raise ValueError('"times" must be a whole number from 1, or absent for always.')
        values["times"] = times
    return values


def _number(name: str, value: Any, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ValueError(f'"{name}" must be a number from {low:g} to {high:g}.')
    return float(value)
