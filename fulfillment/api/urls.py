"""Routes of what only the doing app can answer."""

from django.urls import path

from fulfillment.api import deliveries, jira_webhook, queue, tools

urlpatterns = [
    path("requests/<uuid:request_id>/deliveries", deliveries.DeliveriesView.as_view(), name="api-request-deliveries"),
    path("webhooks/jira", jira_webhook.JiraWebhookView.as_view(), name="api-webhooks-jira"),
    path("tools/test-variables", tools.TestVariablesView.as_view(), name="api-tools-test-variables"),
    path("queue/stats", queue.StatsView.as_view(), name="api-queue-stats"),
]
