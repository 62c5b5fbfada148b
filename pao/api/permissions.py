"""Who may call a route at all; what they may see inside is decided by the query (auth.md, Authorization)."""

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from pao.identity import principal_of


class IsSignedIn(BasePermission):
    """Anybody whom PAO knows."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Tell whether the caller is known."""
        return request.user.is_authenticated


class IsOperator(IsSignedIn):
    """Operators of PAO: queue, redrive, catalog sync."""

    message = "This is for operators."

    def has_permission(self, request: Request, view: Any) -> bool:
        """Tell whether the caller is an operator."""
        return super().has_permission(request, view) and principal_of(request).is_operator
