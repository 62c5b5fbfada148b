"""The Django app that CARRIES."""

from django.apps import AppConfig


class QueueopsConfig(AppConfig):
    """See docs/adr/0001-four-apps.md."""

    name = "queueops"
    label = "queueops"
    verbose_name = "Queue"
