"""Routes of what only the doing app can answer."""

from django.urls import path

from fulfillment.api import queue, tools

urlpatterns = [
    path("tools/test-variables", tools.TestVariablesView.as_view(), name="api-tools-test-variables"),
    path("queue/stats", queue.StatsView.as_view(), name="api-queue-stats"),
]
