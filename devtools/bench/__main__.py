"""`./dev bench [catalog|growth|memory|ticket|workers]`: choose what is measured."""

import sys

from devtools import bench_catalog
from devtools.bench import growth, memory, pipeline, ticket, workers

MEASUREMENTS = {
    "catalog": bench_catalog.main,
    "growth": growth.main,
    "memory": memory.main,
    "ticket": ticket.main,
    "workers": workers.main,
}


def main() -> int:
    """Run the measurement that is named first, or else that of a request; return its exit status."""
    named = MEASUREMENTS.get(sys.argv[1]) if sys.argv[1:] else None
    return named(sys.argv[2:]) if named else pipeline.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
