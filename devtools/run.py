"""`./dev run`: every part and process of PAO for development, with its own data, until Ctrl-C.

Settings from the environment win, so that one behaviour can be tried: `PAO_FORCE_MANUAL=true ./dev run`.
"""

import os
import sys

from devtools import stage
from devtools.parts import STATE
from pao.core.errors import PaoError

DIRECTORY = STATE / "run"


def main() -> int:
    """Start everything and keep it running; return 1 when a part cannot start or ends by itself."""
    own = {name: value for name, value in os.environ.items() if name.startswith("PAO_")}
    try:
        with stage.deployment(DIRECTORY, own) as deployment:
            stage.start(deployment)
            stage.show_addresses(deployment)
            print("Ctrl-C stops it all. `./dev manage COMMAND` runs a Django command against it.")
            stage.keep_running(deployment)
    except KeyboardInterrupt:
        print("\nStopped.")
    except (PaoError, OSError) as error:
        print(f"\n{error}\nThe processes' own words are in {DIRECTORY / 'logs'}.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
