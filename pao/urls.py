"""Every route of PAO on one screen."""

from csp.constants import SELF, UNSAFE_INLINE
from csp.decorators import csp_update
from django.contrib import admin
from django.contrib.auth import views as auth_views
from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from catalog.api import schemas
from fulfillment.admin.overview import overview
from fulfillment.ask_page import ask_jira
from fulfillment.dry_run import preview
from pao import health
from pao.api.errors_page import error_page
from requests_app.api.views import RequestsView

api: list[URLPattern | URLResolver] = [
    path("requests", RequestsView.as_view(preview=preview), name="api-requests"),
    *(path("", include(f"{app}.api.urls")) for app in ("catalog", "requests_app", "fulfillment")),
]

# Swagger UI writes styles into its page; no other page may (the design's ground rules for pages).
swagger = csp_update({"style-src": [SELF, UNSAFE_INLINE]})(SpectacularSwaggerSplitView.as_view(url_name="api-schema"))

handler400 = "pao.api.handlers.bad_request"
handler403 = "pao.api.handlers.permission_denied"
handler404 = "pao.api.handlers.page_not_found"
handler500 = "pao.api.handlers.server_error"

urlpatterns = [
    path("", include("requests_app.pages.urls")),
    path("requests/<uuid:request_id>/ask-jira", ask_jira, name="request-ask-jira"),
    path("login/", auth_views.LoginView.as_view(template_name="login.html"), name="login"),
    path("logout/", auth_views.LogoutView.as_view(), name="logout"),
    path("admin/queue/", admin.site.admin_view(overview), name="admin-queue"),
    path("admin/", admin.site.urls),
    path("api/v1/", include(api)),
    path("api/schema", SpectacularAPIView.as_view(), name="api-schema"),
    path("api/docs/", swagger, name="api-docs"),
    path("docs/errors", error_page, name="error-codes"),
    path("schemas/catalog/v1/<path:name>", schemas.schema, name="catalog-schema"),
    path("health", health.live, name="health"),
    path("health/ready", health.ready, name="health-ready"),
    path("health/version", health.version),
    path("version", health.version, name="version"),
]
