"""Memory that the children of a process share with it: everything is loaded before the fork, and then left alone.

A child gets its parent's memory page by page only when one of them writes there. Python's collector writes into every
object that it looks at, so what exists before the fork is taken out of its sight (`gc.freeze`).
"""

import gc
from functools import cache


@cache
def share_what_is_loaded() -> None:
    """Let future children share all that this process holds now; only the first call does anything.

    To be called before the first fork, when everything that children need is imported.
    """
    gc.collect()
    gc.freeze()
