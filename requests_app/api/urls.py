"""Routes of the requests API; `requests` itself stands in pao/urls.py, which gives it the dry run."""

from django.urls import path

from requests_app.api import tools, uploads, verbs, views

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
    path("uploads", uploads.UploadsView.as_view(), name="api-uploads"),
    path("tools/preview", tools.PreviewView.as_view(), name="api-tools-preview"),
]
