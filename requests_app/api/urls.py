"""Routes of the requests API; `requests` itself stands in pao/urls.py, which gives it the dry run."""

from django.urls import path

from requests_app.api import queue, tools, uploads, verbs, views

urlpatterns = [
    path("requests/<uuid:request_id>", views.RequestView.as_view(), name="api-request"),
    path("requests/<uuid:request_id>/status", views.StatusView.as_view(), name="api-request-status"),
    path("requests/<uuid:request_id>/logs", views.LogsView.as_view(), name="api-request-logs"),
    path("requests/<uuid:request_id>/files/<uuid:file_id>", uploads.FileView.as_view(), name="api-request-file"),
    path("requests/<uuid:request_id>/retry", verbs.RetryView.as_view(), name="api-request-retry"),
    path("requests/<uuid:request_id>/escalate", verbs.EscalateView.as_view(), name="api-request-escalate"),
    path("requests/<uuid:request_id>/confirm", verbs.ConfirmView.as_view(), name="api-request-confirm"),
    path("requests/<uuid:request_id>/abort", verbs.AbortView.as_view(), name="api-request-abort"),
    path(
        "requests/<uuid:request_id>/tasks/<uuid:task_id>/resolve",
        verbs.ResolveView.as_view(),
        name="api-request-resolve",
    ),
    path("queue/messages", queue.MessagesView.as_view(), name="api-queue-messages"),
    path("queue/messages/<str:group_id>", queue.GroupView.as_view(), name="api-queue-group"),
    path("queue/dlq/messages", queue.DeadLettersView.as_view(), name="api-queue-dlq"),
    path("queue/dlq/redrive", queue.RedriveManyView.as_view(), name="api-queue-dlq-redrive-many"),
    path("queue/dlq/<str:message_id>/redrive", queue.RedriveView.as_view(), name="api-queue-dlq-redrive"),
    path("queue/dlq/<str:message_id>/discard", queue.DiscardView.as_view(), name="api-queue-dlq-discard"),
    path("uploads", uploads.UploadsView.as_view(), name="api-uploads"),
    path("tools/preview", tools.PreviewView.as_view(), name="api-tools-preview"),
]
