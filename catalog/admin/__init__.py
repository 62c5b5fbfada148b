"""The catalog in the admin: what is offered, in which versions, how every sync went, and a page to check a document."""

from catalog.admin import entries, syncs

__all__ = ["entries", "syncs"]
