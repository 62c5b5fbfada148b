"""Idempotency keys in the admin; neither the stored answer nor the fingerprint of the body is shown."""

from typing import ClassVar

from django.contrib import admin

from pao.admin import ReadOnlyAdmin
from pao.api.models import IdempotencyKey


@admin.register(IdempotencyKey)
class IdempotencyKeyAdmin(ReadOnlyAdmin):
    """Keys, newest first."""

    list_display = ("created_at", "principal", "endpoint", "key", "status", "expires_at")
    list_filter = ("status",)
    search_fields = ("key__exact", "principal__exact")
    search_help_text = "A key, or a principal."
    heavy: ClassVar = ("body", "headers", "fingerprint")
    id_fields: ClassVar = ("pk", "key")
    shown: ClassVar = ("created_at", "principal", "endpoint", "key", "status", "expires_at")
