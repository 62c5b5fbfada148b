"""The ledger in the admin: requests, tasks, what is kept beside them, and what decides on many of them.

The queue's books are registered here too, for only here it is known what a message asks for.
"""

from requests_app.admin import letters, messages, records, requests, snapshots, standings, tasks

__all__ = ["letters", "messages", "records", "requests", "snapshots", "standings", "tasks"]
