"""The project itself as a Django app: it carries the commands that wire several apps."""

from django.apps import AppConfig


class PaoConfig(AppConfig):
    """The composition root."""

    name = "pao"
    verbose_name = "PAO"
