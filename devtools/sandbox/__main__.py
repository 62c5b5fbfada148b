"""Run the sandbox: ``python -m devtools.sandbox --port 8090 --data .pao/sandbox.sqlite3``; stop it with Ctrl-C."""

import argparse
import signal
import sys
import threading
from pathlib import Path

from devtools.sandbox.server import Sandbox


def main(arguments: list[str] | None = None) -> int:
    """Serve until a signal comes; return the exit code: 0 stopped, 2 could not start."""
    parser = argparse.ArgumentParser(
        prog="python -m devtools.sandbox", description="JIRA, GitHub and a REST platform to play with."
    )
    parser.add_argument("--port", type=int, default=8090, help="port on 127.0.0.1 (default 8090, 0 for any)")
    parser.add_argument("--data", type=Path, help="file that keeps everything (default: memory only)")
    parser.add_argument(
        "--missing-project", action="append", metavar="KEY", help="a project that does not exist (default MISSING)"
    )
    parser.add_argument(
        "--repository", action="append", default=[], metavar="OWNER/NAME", help="a repository to make unless it exists"
    )
    options = parser.parse_args(arguments)
    sandbox = Sandbox(data=options.data, port=options.port, missing_projects=options.missing_project or ("MISSING",))
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        url = sandbox.start()
    except OSError as error:
        sandbox.stop()
        print(f"The sandbox could not listen on port {options.port}: {error}. Choose another --port.", file=sys.stderr)
        return 2
    for name in options.repository:
        if sandbox.github.repositories.find(name) is None:
            sandbox.github.repositories.create(name, {"README.md": f"# {name}\n"})
    print(f"Sandbox JIRA on {url}/ (REST {url}/rest/api/3, GitHub {url}/repos, platform {url}/platform)", flush=True)
    stop.wait()
    sandbox.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
