"""The Django app of the API's manners: it holds the store of idempotency keys, and registers the start-up checks."""

from importlib import import_module

from django.apps import AppConfig


class ApiConfig(AppConfig):
    """REST manners shared by every app's api/ package."""

    name = "pao.api"
    label = "api"
    verbose_name = "API"

    def ready(self) -> None:
        """Register the system checks of pao/checks.py and the descriptions of the ways to sign in."""
        import_module("pao.checks")
        import_module("pao.api.schema")
