"""The Django app that DOES."""

from django.apps import AppConfig


class FulfillmentConfig(AppConfig):
    """See docs/adr/0001-four-apps.md."""

    name = "fulfillment"
    label = "fulfillment"
    verbose_name = "Fulfilment"
