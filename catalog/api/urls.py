"""Routes of the catalog API."""

from django.urls import path

from catalog.api import facets, form, refresh, tools, versions, views, webhooks

urlpatterns = [
    path("catalog", views.CatalogView.as_view(), name="api-catalog"),
    path("catalog/facets", facets.FacetsView.as_view(), name="api-catalog-facets"),
    path("catalog/refresh", refresh.RefreshView.as_view(), name="api-catalog-refresh"),
    path("catalog/syncs", refresh.SyncsView.as_view(), name="api-catalog-syncs"),
    path("catalog/syncs/<uuid:sync_id>", refresh.SyncView.as_view(), name="api-catalog-sync"),
    path("catalog/<slug:item_id>", views.EntryView.as_view(), name="api-catalog-entry"),
    path("catalog/<slug:item_id>/form", form.FormView.as_view(), name="api-catalog-form"),
    path("catalog/<slug:item_id>/versions", versions.VersionsView.as_view(), name="api-catalog-versions"),
    path("tools/validate", tools.ValidateView.as_view(), name="api-tools-validate"),
    path("webhooks/github", webhooks.GithubWebhookView.as_view(), name="api-webhooks-github"),
]
