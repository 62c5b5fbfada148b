"""The Acme platform: a small REST service that makes databases, a target for rest-api actions."""

import re
import secrets

from devtools.sandbox.store import Store
from devtools.sandbox.web import Answer, Json, Refusal, Request, Router, json_answer
from pao.core import ids

PORTS = {"postgresql": 5432, "mysql": 3306}
NAME = re.compile(r"[a-z][a-z0-9-]{0,61}[a-z0-9]")
LONGEST_KEY = 255


class Acme:
    """Answers /platform/…; needs no credentials, honours Idempotency-Key."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add_routes(self, router: Router) -> None:
        """Add this service's routes."""
        router.add("POST", "/platform/databases", self.create)
        router.add("GET", "/platform/databases/{id}", self.read)

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
