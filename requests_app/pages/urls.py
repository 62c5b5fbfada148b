"""Routes of the pages."""

from django.urls import path

from requests_app.pages import views

urlpatterns = [
    path("", views.catalog_list, name="catalog-list"),
    path("catalog/<slug:item_id>/", views.catalog_entry, name="catalog-entry"),
    path("requests/", views.request_list, name="request-list"),
    path("requests/<uuid:request_id>/", views.request_detail, name="request-detail"),
]
