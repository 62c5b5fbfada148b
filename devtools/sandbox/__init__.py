"""A stand-in for JIRA, GitHub and one internal REST platform: for development, tests and the demo, not for production."""

from devtools.sandbox.server import Sandbox

__all__ = ["Sandbox"]
