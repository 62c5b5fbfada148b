"""`./dev bench [catalog]`: choose what is measured."""

import sys

from devtools import bench_catalog
from devtools.bench import pipeline


def main() -> int:
    """Run the measurement that is named first; return its exit status."""
    if sys.argv[1:2] == ["catalog"]:
        return bench_catalog.main(sys.argv[2:])
    return pipeline.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
