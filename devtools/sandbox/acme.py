"""The Acme platform: a small REST service that makes databases, a target for rest-api actions."""

import re
import secrets

from devtools.sandbox.store import Store
from devtools.sandbox.web import Answer, Json, Refusal, Request, Router, json_answer
from pao.core import clock, ids

PORTS = {"postgresql": 5432, "mysql": 3306}
NAME = re.compile(r"[a-z][a-z0-9-]{0,61}[a-z0-9]")
LONGEST_KEY = 255
JOB_SECONDS = 2
OUTCOMES = ("done", "failed")


class Acme:
    """Answers /platform/…; needs no credentials, honours Idempotency-Key."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add_routes(self, router: Router) -> None:
        """Add this service's routes."""
        router.add("POST", "/platform/databases", self.create)
        router.add("GET", "/platform/databases/{id}", self.read)
        router.add("POST", "/platform/jobs", self.begin)
        router.add("GET", "/platform/jobs/{id}", self.ask)

    def create(self, request: Request) -> Answer:
        """Make a database: 201 with id, connection and password. The same key gets the same answer, no second one."""
        wanted = _wanted(request)
        kept, answer, new = self._store.create_database(_database(wanted), request.origin(wanted))
        if kept != wanted:
            raise _refusal(
                422, "idempotency_key_reused", "This Idempotency-Key was used with another body. Use a new key."
            )
        headers = {"Location": f"{request.base_url}/platform/databases/{answer['id']}"}
        return json_answer(answer, 201, headers if new else headers | {"Idempotency-Replayed": "true"})

    def begin(self, request: Request) -> Answer:
        """Begin to make a database: 202 with the address of the job; the same key gets the same job, no second one.

        `seconds` says how long it takes (2 when absent), `outcome` how it ends: done or failed.
        """
        wanted = _wanted(request)
        if not isinstance(wanted.get("seconds", 0), int | float) or wanted.get("outcome", "done") not in OUTCOMES:
            raise _refusal(400, "invalid_job", "seconds must be a number, and outcome done or failed.")
        kept, answer, new = self._store.create_database(_database(wanted), request.origin(wanted))
        if kept != wanted:
            raise _refusal(
                422, "idempotency_key_reused", "This Idempotency-Key was used with another body. Use a new key."
            )
        address = f"{request.base_url}/platform/jobs/{answer['id']}"
        headers = {"Location": address} | ({} if new else {"Idempotency-Replayed": "true"})
        return json_answer({"id": answer["id"], "state": "running", "links": {"status": address}}, 202, headers)

    def ask(self, request: Request) -> Answer:
        """Tell how far a job is: running, then done with the database, or failed."""
        database = self._store.database(request.params["id"])
        if database is None:
            raise _refusal(404, "not_found", f"There is no job {request.params['id']}.")
        wanted, shown = database["request"], {"id": database["id"]}
        if clock.now().timestamp() < database["created"] + wanted.get("seconds", JOB_SECONDS):
            return json_answer(shown | {"state": "running"})
        if wanted.get("outcome") == "failed":
            return json_answer(shown | {"state": "failed", "reason": "The disk is full."})
        return json_answer(shown | {"state": "done", "database": database["answer"]})

    def read(self, request: Request) -> Answer:
        """Return a database without its password."""
        database = self._store.database(request.params["id"])
        if database is None:
            raise _refusal(404, "not_found", f"There is no database {request.params['id']}.")
        shown = {name: value for name, value in database["answer"].items() if name != "password"}
        return json_answer(shown | {"settings": database["request"]})


def _wanted(request: Request) -> Json:
    try:
        wanted = request.json_object()
    except Refusal:
        raise _refusal(400, "invalid_body", "Send a JSON object.") from None
    name = wanted.get("instanceName")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise _refusal(400, "invalid_instance_name", "instanceName must be 2 to 63 small letters, digits and hyphens.")
    if not isinstance(wanted.get("engine", ""), str):
        raise _refusal(400, "invalid_engine", "engine must be a text, such as postgresql or mysql.")
    key = request.headers.get("idempotency-key")
    if key is not None and not 1 <= len(key) <= LONGEST_KEY:
        raise _refusal(400, "invalid_idempotency_key", f"Idempotency-Key must have 1 to {LONGEST_KEY} characters.")
    return wanted


def _database(wanted: Json) -> Json:
    engine = "mysql" if "mysql" in wanted.get("engine", "") else "postgresql"
    port = PORTS[engine]
    identifier = f"db-{ids.new_id().hex[-10:]}"
    host = f"{wanted['instanceName']}.{identifier}.db.acme.example"
    return {
        "id": identifier,
        "instanceName": wanted["instanceName"],
        "status": "available",
        "connection": {"url": f"{engine}://{host}:{port}/app", "host": host, "port": port},
        "password": secrets.token_urlsafe(18),
    }


def _refusal(status: int, code: str, message: str) -> Refusal:
    return Refusal(status, {"error": {"code": code, "message": message}})
