"""What drf-spectacular is told of the API as a whole: its settings, for pao/settings.py."""

from typing import Any

SETTINGS: dict[str, Any] = {
    "TITLE": "Platform Automation Orchestrator",
    "DESCRIPTION": "Request infrastructure that platform teams offer, and follow it until it is there.",
    "VERSION": "v1",
    "OAS_VERSION": "3.1.1",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PUBLIC": True,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums", "pao.api.schema.add_manners"],
    "ENUM_NAME_OVERRIDES": {
        "RequestState": "requests_app.api.serializers.REQUEST_STATES",
        "TaskState": "requests_app.api.serializers.TASK_STATES",
        "SyncStatus": "catalog.models.SyncStatus.values",
        "MessageStatus": "requests_app.queue.STATUSES",
        "DeadLetterStatus": "queueops.models.DeadLetterStatus",
        "DeadLetterCause": "queueops.models.DeadLetterCause",
        "RedriveOutcome": "requests_app.api.queue_shapes.REDRIVE_OUTCOMES",
    },
}
