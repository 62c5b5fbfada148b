"""The doing in the admin: attempts and effects, and the overview of the queue."""

from fulfillment.admin import attempts, breakers

__all__ = ["attempts", "breakers"]
