"""The Django app that DOES."""

from django.apps import AppConfig


class FulfillmentConfig(AppConfig):
    """See docs/adr/0001-four-apps.md."""

    name = "fulfillment"
    label = "fulfillment"
    verbose_name = "Fulfilment"

    def ready(self) -> None:
        """Say how intents are closed that a person settles, and what attempts have left outside."""
        from fulfillment.journal import settle_by_hand, traces_of
        from requests_app.settling import keep_intents

        keep_intents(settle_by_hand, traces_of)
