"""The Django app that KNOWS."""

from django.apps import AppConfig


class RequestsConfig(AppConfig):
    """See docs/adr/0001-four-apps.md."""

    name = "requests_app"
    label = "requests"
    verbose_name = "Requests"
