"""What was worked out of a text, kept by that text up to a weight: bounded memory, whatever documents arrive."""

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class Kept(Generic[T]):
    """Calls `make` once for each text; forgets what was longest unused when all that is kept weighs over `limit`.

    `weigh` says about how many bytes a result takes. A text whose `make` raises is not kept. Safe between threads; two
    that ask for a new text at once may both make it.
    """

    def __init__(self, make: Callable[[str], T], *, weigh: Callable[[T], int], limit: int) -> None:
        """Take what makes a result of a text, what weighs it, and the most that may be kept, in bytes."""
        self.weight = 0
        self._make = make
        self._weigh = weigh
        self._limit = limit
        self._kept: OrderedDict[str, T] = OrderedDict()
        self._lock = Lock()

    def __call__(self, text: str) -> T:
        """Return what `make` gives for the text."""
        with self._lock:
            found = self._kept.get(text)
            if found is not None:
                self._kept.move_to_end(text)
                return found
        made = self._make(text)
        with self._lock:
            if text not in self._kept:
                self._kept[text] = made
                self.weight += self._weigh(made)
            while self.weight > self._limit:
                _, forgotten = self._kept.popitem(last=False)
                self.weight -= self._weigh(forgotten)
        return made

    def __len__(self) -> int:
        """Return how many results are kept."""
        return len(self._kept)
