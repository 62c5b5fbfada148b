"""The sandbox's own machine interface under /_sandbox/: ledger, faults, health, reset."""

from collections import Counter

from devtools.sandbox.faults import KINDS, FaultSwitch
from devtools.sandbox.store import Store
from devtools.sandbox.web import Answer, Refusal, Request, Router, json_answer

LEDGER_FILTERS = ("marker", "effect", "target", "idempotency_key", "correlation_id")


class Control:
    """Answers /_sandbox/… for tests, chaos and the demo. No fault ever strikes here."""

    def __init__(self, store: Store, data_center: Store, faults: FaultSwitch, calls: Counter[str]) -> None:
        self._store = store
        self._data_center = data_center
        self._faults = faults
        self._calls = calls

    def add_routes(self, router: Router) -> None:
        """Add this interface's routes."""
        router.add("GET", "/_sandbox/health", self.health)
        router.add("GET", "/_sandbox/ledger", self.ledger)
        router.add("GET", "/_sandbox/faults", self.list_faults)
        router.add("POST", "/_sandbox/faults", self.arm)
        router.add("DELETE", "/_sandbox/faults", self.disarm)
        router.add("POST", "/_sandbox/reset", self.reset)

    def health(self, _request: Request) -> Answer:
        """Return ok, how many calls of each operation were answered since the start, and the ledger's last line."""
        return json_answer({"status": "ok", "calls": dict(self._calls), "version": self._store.version()})

    def ledger(self, request: Request) -> Answer:
        """Return {"effects": […]}, filtered by ?marker=, effect, target, idempotency_key, correlation_id.

        Those of the JIRA Data Center are a ledger of their own, with ?site=dc.
        """
        asked = dict(request.query)
        store = self._data_center if asked.pop("site", [""])[0] == "dc" else self._store
        unknown = set(asked) - set(LEDGER_FILTERS)
        if unknown:
            raise _refusal(f"Unknown filter: {', '.join(sorted(unknown))}. Known: {', '.join(LEDGER_FILTERS)}.")
        wanted = {name: values[0] for name, values in asked.items()}
        return json_answer({"effects": store.ledger(**wanted)})

    def list_faults(self, _request: Request) -> Answer:
        """Return {"faults": […], "kinds": {…}}."""
        return json_answer({"faults": self._faults.armed(), "kinds": KINDS})

    def arm(self, request: Request) -> Answer:
        """Arm a fault: 201 with it, 400 with the reason."""
        try:
            fault = self._faults.arm(request.json())
        except ValueError as error:
            raise _refusal(str(error)) from error
        return json_answer(vars(fault), 201)

    def disarm(self, request: Request) -> Answer:
        """Disarm every fault, or the one named by ?id=."""
        wanted = request.first("id")
        if wanted and not (wanted.isascii() and wanted.isdigit()):
            raise _refusal("id must be the number of a fault.")
        return json_answer({"cleared": self._faults.clear(int(wanted) if wanted else None)})

    def reset(self, _request: Request) -> Answer:
        """Forget tickets, databases, ledger, faults and call counts."""
        self._store.reset()
        self._data_center.reset()
        self._faults.clear()
        self._calls.clear()
        return Answer(204)


def _refusal(message: str) -> Refusal:
    return Refusal(400, {"error": message})
