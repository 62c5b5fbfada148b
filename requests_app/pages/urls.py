"""Routes of the pages."""

from django.urls import path

from requests_app.pages import retrying, sign_in, views

urlpatterns = [
    path("", views.catalog_list, name="catalog-list"),
    path("catalog/<slug:item_id>/", views.catalog_entry, name="catalog-entry"),
    path("requests/", views.request_list, name="request-list"),
    path("requests/<uuid:request_id>/", views.request_detail, name="request-detail"),
    path("requests/<uuid:request_id>/live", views.request_live, name="request-live"),
    path("requests/<uuid:request_id>/files/<uuid:file_id>", views.request_file, name="request-file"),
    *(
        path(f"requests/<uuid:request_id>/{verb}", views.request_verb, {"verb": verb}, name=f"request-{verb}")
        for verb in ("retry", "escalate", "confirm", "abort")
    ),
    path("requests/<uuid:request_id>/retry-latest", retrying.retry_latest_page, name="request-retry-latest"),
    path("requests/<uuid:request_id>/tasks/<uuid:task_id>/resolve", views.task_resolve, name="task-resolve"),
    path("login/as", sign_in.sign_in_as, name="sign-in-as"),
]
