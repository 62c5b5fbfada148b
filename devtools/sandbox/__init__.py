"""A stand-in for JIRA, for GitHub and for one internal REST platform: for development, tests and the demo, never for production."""

from devtools.sandbox.server import Sandbox

__all__ = ["Sandbox"]
