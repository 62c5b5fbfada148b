"""Routes of the pages."""

from django.urls import path

from requests_app.pages import sign_in, views

urlpatterns = [
    path("", views.catalog_list, name="catalog-list"),
    path("catalog/<slug:item_id>/", views.catalog_entry, name="catalog-entry"),
    path("requests/", views.request_list, name="request-list"),
    path("requests/<uuid:request_id>/", views.request_detail, name="request-detail"),
    path("requests/<uuid:request_id>/live", views.request_live, name="request-live"),
    path("requests/<uuid:request_id>/files/<uuid:file_id>", views.request_file, name="request-file"),
    path("requests/<uuid:request_id>/retry", views.request_retry, name="request-retry"),
    path("requests/<uuid:request_id>/abort", views.request_abort, name="request-abort"),
    path("login/as", sign_in.sign_in_as, name="sign-in-as"),
]
