"""SQS FIFO conformance probe: run the same 45 checks against any endpoint.

    python -m tests.contract.sqs_conformance http://127.0.0.1:9324 [--json out.json] [--only name,...]

Every check states what AWS documents; the verdict is PASS, FAIL or ERR for the endpoint.
"""

import argparse
import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from tests.contract import sqs_checks_dead_letters, sqs_checks_order, sqs_checks_polling, sqs_checks_visibility
from tests.contract.sqs_probe import CHECKS, run

# Importing them registers their checks.
GROUPS = (sqs_checks_order, sqs_checks_visibility, sqs_checks_dead_letters, sqs_checks_polling)


def main() -> None:
    """Print one line per check and the sums."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("endpoint")
    parser.add_argument("--json", type=Path, help="also write the verdicts here")
    parser.add_argument("--only", type=lambda names: names.split(","), help="names of checks, with commas")
    arguments = parser.parse_args()
    verdicts = []
    for check in CHECKS:
        if arguments.only is None or check.__name__ in arguments.only:
            verdict = run(check, arguments.endpoint)
            verdicts.append(verdict)
            print(f"{verdict.verdict:5} {verdict.name:36} {verdict.note}", flush=True)  # noqa: T201 - its output
    print(dict(Counter(verdict.verdict for verdict in verdicts)))  # noqa: T201 - its output
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(verdict) for verdict in verdicts], indent=1))


if __name__ == "__main__":
    main()
