"""The floors: the same work with nothing around it. No validation, no snapshot, no audit, nothing survives a crash.

Each is two processes: `web` accepts over HTTP and tells how far a request is, `worker` does the three steps of each
request in order, with one ticket each, in threads. `sql` keeps its queue in PostgreSQL (SKIP LOCKED); `sqs` in a FIFO
queue by bare boto3, and its worker reports the end to `web`.

    python -m devtools.bench.floors sql|sqs web|worker PORT
"""

import base64
import http.client
import json
import os
import sys
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import urlsplit

import boto3
import psycopg

from devtools.bench.load import Wire

STEPS = 3
THREADS = 4
IDLE_SECONDS = 0.01
SCHEMA = """
    CREATE TABLE IF NOT EXISTS floor_request (id uuid PRIMARY KEY, name text, ended boolean DEFAULT false);
    CREATE TABLE IF NOT EXISTS floor_step
        (id bigserial PRIMARY KEY, request uuid, step int, ticket text, done boolean DEFAULT false);
    CREATE INDEX IF NOT EXISTS floor_open ON floor_step (id) WHERE NOT done;
"""
_TAKE = "SELECT id, request, step FROM floor_step WHERE NOT done ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED"
_local = threading.local()


def ticket(number: str) -> str:
    """Make one ticket over a kept-alive connection; return its key."""
    jira = urlsplit(os.environ["PAO_JIRA_URL"])
    if not hasattr(_local, "jira"):
        _local.jira = http.client.HTTPConnection(jira.hostname or "", jira.port, timeout=30)
    fields = {"project": {"key": "FLOOR"}, "issuetype": {"name": "Task"}, "summary": f"Floor {number}"}
    credentials = base64.b64encode(b"pao:sandbox").decode()
    headers = {"Content-Type": "application/json", "Authorization": f"Basic {credentials}"}
    _local.jira.request("POST", "/rest/api/3/issue", json.dumps({"fields": fields}), headers)
    return str(json.loads(_local.jira.getresponse().read())["key"])


class SqlQueue:
    """Requests and steps in two tables."""

    def __init__(self) -> None:
        self._url = os.environ["DATABASE_URL"]

    def prepare(self) -> None:
        """Make the tables."""
        self._connection.execute(SCHEMA)

    @property
    def _connection(self) -> "psycopg.Connection[Any]":
        if not hasattr(_local, "database"):
            _local.database = psycopg.connect(self._url, autocommit=True)
        connection: psycopg.Connection[Any] = _local.database
        return connection

    def accept(self, name: str) -> str:
        """Store a request and its first step."""
        identifier = uuid.uuid4()
        with self._connection.transaction():
            self._connection.execute("INSERT INTO floor_request VALUES (%s, %s)", [identifier, name])
            self._connection.execute("INSERT INTO floor_step (request, step) VALUES (%s, 0)", [identifier])
        return str(identifier)

    def state(self, identifier: str) -> str:
        """Return how far a request is."""
        found = self._connection.execute("SELECT ended FROM floor_request WHERE id = %s", [identifier]).fetchone()
        return "completed" if found and found[0] else "submitted"

    def work(self) -> None:
        """Do one step, or wait a little when there is none."""
        with self._connection.transaction():
            taken = self._connection.execute(_TAKE).fetchone()
            if taken is not None:
                self._do(*taken)
                return
        time.sleep(IDLE_SECONDS)

    def _do(self, identifier: int, request: uuid.UUID, step: int) -> None:
        key = ticket(f"{request}:{step}")
        self._connection.execute("UPDATE floor_step SET done = true, ticket = %s WHERE id = %s", [key, identifier])
        if step + 1 < STEPS:
            self._connection.execute("INSERT INTO floor_step (request, step) VALUES (%s, %s)", [request, step + 1])
        else:
            self._connection.execute("UPDATE floor_request SET ended = true WHERE id = %s", [request])


class SqsQueue:
    """One FIFO queue; who is done is known to the web process alone, in memory."""

    def __init__(self) -> None:
        self._done: set[str] = set()
        self._client = boto3.client(
            "sqs",
            endpoint_url=os.environ["SQS_ENDPOINT_URL"],
            region_name="eu-central-1",
            aws_access_key_id="floor",
            aws_secret_access_key="floor",  # noqa: S106 - the stand-in checks no signature
        )
        self._web = Wire(f"http://127.0.0.1:{sys.argv[3]}")
        self._url = ""

    def prepare(self) -> None:
        """Make the queue."""
        self._url = self._client.create_queue(QueueName="floor.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]

    def accept(self, name: str) -> str:
        """Send the first step; `done:…` is the worker's report."""
        if name.startswith("done:"):
            self._done.add(name.removeprefix("done:"))
            return name
        identifier = str(uuid.uuid4())
        self._send(identifier, 0)
        return identifier

    def state(self, identifier: str) -> str:
        """Return how far a request is."""
        return "completed" if identifier in self._done else "submitted"

    def work(self) -> None:
        """Do one step, or wait for one."""
        answer = self._client.receive_message(QueueUrl=self._url, MaxNumberOfMessages=1, WaitTimeSeconds=5)
        for message in answer.get("Messages", []):
            request, _, step = message["Body"].rpartition(":")
            ticket(message["Body"])
            if int(step) + 1 < STEPS:
                self._send(request, int(step) + 1)
            else:
                self._web.call("POST", "/requests", {}, json.dumps({"name": f"done:{request}"}).encode())
            self._client.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])

    def _send(self, request: str, step: int) -> None:
        body = f"{request}:{step}"
        self._client.send_message(
            QueueUrl=self._url, MessageBody=body, MessageGroupId=request, MessageDeduplicationId=body
        )


class Handler(BaseHTTPRequestHandler):
    """POST /requests, GET /requests/ID and GET /health."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    queue: ClassVar[SqlQueue | SqsQueue]

    def do_POST(self) -> None:
        """Accept a request."""
        name = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["name"]
        self._answer(202, {"id": self.queue.accept(name)})

    def do_GET(self) -> None:
        """Tell how far a request is."""
        identifier = self.path.rpartition("/")[2]
        self._answer(200, {"state": "ok" if identifier == "health" else self.queue.state(identifier)})

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the standard library's name
        """Say nothing."""

    def _answer(self, status: int, body: dict[str, str]) -> None:
        content = json.dumps(body).encode()
        self.send_response_only(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def main() -> None:
    """Serve or work until killed."""
    kind, role, port = sys.argv[1:4]
    queue: SqlQueue | SqsQueue = SqlQueue() if kind == "sql" else SqsQueue()
    queue.prepare()
    if role == "web":
        Handler.queue = queue
        ThreadingHTTPServer(("127.0.0.1", int(port)), Handler).serve_forever()
        return
    threads = [threading.Thread(target=_repeat, args=(queue,)) for _ in range(THREADS)]
    for thread in threads:
        thread.start()


def _repeat(queue: SqlQueue | SqsQueue) -> None:
    while True:
        queue.work()


if __name__ == "__main__":
    main()
