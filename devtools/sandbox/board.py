"""The pages of the sandbox: the board, one ticket, and what their buttons do. All of it works without JavaScript."""

import zlib
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from urllib.parse import parse_qsl

from devtools.sandbox import pages
from devtools.sandbox.faults import FaultSwitch
from devtools.sandbox.jira_views import TRANSITIONS
from devtools.sandbox.store import Store
from devtools.sandbox.web import Answer, Refusal, Request, Router

STATIC = Path(__file__).with_name("static")
STATIC_TYPES = {"board.css": "text/css;charset=utf-8", "board.js": "text/javascript;charset=utf-8"}
SECURITY = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'self'; frame-ancestors 'none';"
        " form-action 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Board:
    """Answers / and /browse/KEY, and the forms on them; of every JIRA by the path that it is served under."""

    def __init__(self, sites: Mapping[str, tuple[str, Store]], faults: FaultSwitch) -> None:
        """Take the name and the store of each JIRA by its path; that of Cloud is empty."""
        self._sites = sites
        self._faults = faults
        self._static = {name: (STATIC / name).read_bytes() for name in STATIC_TYPES}

    def add_routes(self, router: Router) -> None:
        """Add the pages and their buttons."""
        router.add("GET", "/", self.board)
        for prefix in self._sites:
            router.add("GET", f"{prefix}/browse/{{key}}", partial(self.ticket, prefix))
        router.add("GET", "/_sandbox/static/{name}", self.static)
        router.add("POST", "/_sandbox/board/transition", self.transition)
        router.add("POST", "/_sandbox/board/arm", self.arm)
        router.add("POST", "/_sandbox/board/disarm", self.disarm)

    def _version(self) -> str:
        # The number of the last effect alone would miss a reset followed by as many effects; the faults have none.
        stores = [f"{store.version()} {store.ledger_start()}" for _, store in self._sites.values()]
        state = f"{stores} {self._faults.armed()}"
        return f"{zlib.crc32(state.encode()):08x}"

    def board(self, request: Request) -> Answer:
        """Return the board; with ?v=<version> 204 when nothing has changed since."""
        version = self._version()
        if request.first("v") == version:
            return Answer(204, headers=SECURITY)
        armed = self._faults.armed()
        return _page(pages.board(self._sites, armed, version))

    def ticket(self, prefix: str, request: Request) -> Answer:
        """Return the page of one ticket, or a 404 page that links to the board."""
        key = request.params["key"]
        store = self._sites[prefix][1]
        ticket = store.ticket(key)
        version = self._version()
        if ticket is None:
            return _page(pages.missing(key), 404)
        if request.first("v") == version:
            return Answer(204, headers=SECURITY)
        return _page(pages.ticket(prefix, store, ticket, version))

    def static(self, request: Request) -> Answer:
        """Return the style sheet or the script."""
        name = request.params["name"]
        if name not in self._static:
            raise Refusal(404, {"error": f"There is no file {name}."})
        return Answer(200, self._static[name], STATIC_TYPES[name], SECURITY)

    def transition(self, request: Request) -> Answer:
        """Move a ticket as its button says and go back; a button that is out of date changes nothing."""
        form = _form(request)
        prefix = form.get("site", "")
        prefix = prefix if prefix in self._sites else ""
        store = self._sites[prefix][1]
        ticket = store.ticket(form.get("key", ""))
        if ticket is None:
            return _page(pages.missing(form.get("key", "")), 404)
        for identifier, _, target in TRANSITIONS[ticket.status]:
            if identifier == form.get("transition"):
                store.move(ticket, target, request.origin({"transition": {"id": identifier}, "by": "board"}))
        return _see_other(f"{prefix}/browse/{ticket.key}" if form.get("back") == "ticket" else "/")

    def arm(self, request: Request) -> Answer:
        """Arm the fault chosen in the form and go back."""
        form = _form(request)
        wanted: dict[str, object] = {"match": form.get("match"), "fault": form.get("fault")}
        try:
            if form.get("seconds"):
                wanted["seconds"] = float(form["seconds"])
            if form.get("times"):
                wanted["times"] = int(form["times"])
            self._faults.arm(wanted)
        except ValueError as error:
            return _page(pages.refused(str(error)), 400)
        return _see_other("/#faults")

    def disarm(self, request: Request) -> Answer:
        """Disarm one fault, or all, and go back."""
        wanted = _form(request).get("id", "")
        self._faults.clear(int(wanted) if wanted.isascii() and wanted.isdigit() else None)
        return _see_other("/#faults")


def _form(request: Request) -> dict[str, str]:
    return dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))


def _page(html: str, status: int = 200) -> Answer:
    return Answer(status, html.encode(), "text/html;charset=utf-8", SECURITY)


def _see_other(location: str) -> Answer:
    return Answer(303, headers={"Location": location, **SECURITY})
