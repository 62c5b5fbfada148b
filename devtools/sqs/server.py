"""A stand-in for Amazon SQS FIFO queues on this machine: `python -m devtools.sqs --port 9324`.

For the demo, the flows and chaos; the product never imports it. It speaks the AWS JSON 1.0 protocol that boto3 and
kombu speak, listens on 127.0.0.1 only, checks no signature and keeps nothing over a restart. Beside the AWS actions:

    GET  /_standin/state             every queue: visible, in_flight, delayed, waiting_polls and totals
    POST /_standin/lose?queue=NAME   drop all its messages silently, as a broker that lost them
    POST /_standin/reset             empty every queue and forget deduplication ids; the queues stay

Why it exists and what it must do: design page "stack", section "An SQS stand-in".
"""

import argparse
import signal
import threading

from devtools.sqs.http import SqsServer

DEFAULT_PORT = 9324


class SqsStandIn:
    """The server in this process. Every start begins without queues, as nothing is kept."""

    def __init__(self, *, port: int = 0, region: str = "us-east-1") -> None:
        """`port` 0 takes any free one; `region` is the one in ARNs."""
        self._port = port
        self._region = region
        self._server: SqsServer | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> str:
        """Listen and serve in a thread of its own; gives the endpoint URL, without a slash at its end.

        Raises OSError when the port is taken.
        """
        self._server = SqsServer(port=self._port, region=self._region)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="sqs-stand-in", daemon=True
        )
        self._thread.start()
        return self._server.endpoint

    def stop(self) -> None:
        """Answer open long polls with nothing, close every connection and free the port, all within a second."""
        if self._server is None or self._thread is None:
            return
        self._server.shutdown()
        self._thread.join()
        self._server.hang_up()
        self._server.server_close()
        self._server = self._thread = None


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(description="A stand-in for Amazon SQS FIFO queues, on 127.0.0.1 only.")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="0 takes any free port (default: %(default)s)")
    parser.add_argument("--region", default="us-east-1", help="the region in ARNs (default: %(default)s)")
    arguments = parser.parse_args()
    asked_to_end = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked_to_end.set())
    stand_in = SqsStandIn(port=arguments.port, region=arguments.region)
    print(f"SQS stand-in: {stand_in.start()}", flush=True)
    asked_to_end.wait()
    stand_in.stop()
