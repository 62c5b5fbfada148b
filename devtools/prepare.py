"""Bring a fresh or old database and queue up to date, in one process: migrate, queues, people, catalog."""

import argparse

import django
from django.core.management import call_command

from pao.core.context import SYSTEM


def main() -> None:
    """Do what every start of a development deployment needs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--catalog", action="store_true", help="sync the catalog too")
    options = parser.parse_args()
    django.setup()
    call_command("migrate", verbosity=0, interactive=False)
    call_command("ensure_queues")
    from catalog.sync import sync  # the models exist only now
    from devtools.people import seed

    seed()
    if options.catalog:
        sync(by=SYSTEM, trigger="start")  # no worker runs yet that a queued one would wait for


if __name__ == "__main__":
    main()
