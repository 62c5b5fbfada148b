"""The Django app that remembers who did what."""

from django.apps import AppConfig


class AuditConfig(AppConfig):
    """Append-only."""

    name = "pao.audit"
    label = "audit"
    verbose_name = "Audit"
