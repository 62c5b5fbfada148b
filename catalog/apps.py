"""The Django app that OFFERS."""

from django.apps import AppConfig


class CatalogConfig(AppConfig):
    """See docs/adr/0001-four-apps.md."""

    name = "catalog"
    label = "catalog"
    verbose_name = "Catalog"
