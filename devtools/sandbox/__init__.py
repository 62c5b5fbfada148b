"""A stand-in for JIRA, GitHub and an internal REST platform: for development, tests and the demo alone."""

from devtools.sandbox.server import Sandbox

__all__ = ["Sandbox"]
