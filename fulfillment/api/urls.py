"""Routes of what only the doing app can answer."""

from django.urls import path

from fulfillment.api import tools

urlpatterns = [path("tools/test-variables", tools.TestVariablesView.as_view(), name="api-tools-test-variables")]
