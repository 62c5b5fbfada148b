"""Letting several act at the same moment, each with a database connection of its own."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

from django.db import connections

from tests.factories import correlated


def race(actions: Sequence[Callable[[], Any]]) -> list[Any]:
    """Do all actions at once, in threads; return what each returned or raised, in their order."""
    outcomes: list[Any] = [None] * len(actions)
    gate = threading.Barrier(len(actions))

    def act(position: int, action: Callable[[], Any]) -> None:
        try:
            gate.wait()
            with correlated():
                outcomes[position] = action()
        except Exception as error:  # noqa: BLE001 - the outcome of an action may be any error; tests look at it
            outcomes[position] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=act, args=pair) for pair in enumerate(actions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes
