"""The ledger in the admin: requests, tasks, and what is kept beside them."""

from requests_app.admin import records, requests, tasks

__all__ = ["records", "requests", "tasks"]
