"""Routes of the catalog API."""

from django.urls import path

from catalog.api import form, views

urlpatterns = [
    path("catalog", views.CatalogView.as_view(), name="api-catalog"),
    path("catalog/refresh", views.RefreshView.as_view(), name="api-catalog-refresh"),
    path("catalog/<slug:item_id>", views.EntryView.as_view(), name="api-catalog-entry"),
    path("catalog/<slug:item_id>/form", form.FormView.as_view(), name="api-catalog-form"),
]
