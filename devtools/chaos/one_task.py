"""A worker reduced to the one task it was given: `python -m devtools.chaos.one_task TASK ATTEMPT`.

For deaths and freezes at a failpoint: it runs the product's own pipeline in a process of its own, without a queue
before it, so that each failpoint can have its own request, and all can die at once.
"""

import sys
import uuid

import django


def main() -> None:
    """Perform the task, or what PAO_FAILPOINTS asks for on the way."""
    django.setup()
    from fulfillment import runner  # the models exist only now

    runner.perform(uuid.UUID(sys.argv[1]), int(sys.argv[2]), f"one-task-{sys.argv[1][-4:]}")


if __name__ == "__main__":
    main()
