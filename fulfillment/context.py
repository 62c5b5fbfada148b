"""What a task may refer to: the four namespaces of its templates, and the small context of its action."""

import os
import re
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from django.conf import settings

from catalog.domain import forms
from catalog.domain.documents import document_from
from catalog.domain.templating import Scope, parse, render_text, render_value
from fulfillment import waits
from fulfillment.actions.protocol import Context, Journal, Reference
from fulfillment.outputs import texts_in
from pao import rows
from pao.core.context import Principal
from pao.core.errors import SecretUnavailable
from requests_app import sealing
from requests_app.models import FulfillmentTask, ResourceRequest

_completed = rows.Lookup(
    lambda key: FulfillmentTask.objects.filter(resource_request=key, state="completed").order_by("sequence_index")
)


@dataclass(frozen=True)
class TaskScope:
    """The namespaces of one task, with its secrets marked, and the finished tasks it builds upon."""

    outer: Scope
    """What the request as a whole refers to: a component sees its own view of it, `scope`."""
    completed: tuple[FulfillmentTask, ...]
    secrets: tuple[str, ...] = ()
    """Every secret value within the scope: what must be masked wherever something is written down."""
    inputs: Mapping[str, str] = field(default_factory=dict)
    component_when: str = ""

    @cached_property
    def scope(self) -> Scope:
        """What the task's templates refer to; raises `TemplateError` when an input of the component has no value."""
        return _seen_by_component(self.outer, self.inputs)

    def render_output(self, template: str) -> str:
        """Return a computed output: a template over the same namespaces."""
        return render_text(parse(template), self.scope)


def load_scope(task: FulfillmentTask) -> TaskScope:
    """Read what the templates of `task` may refer to, as of now: outputs come from completed tasks only."""
    request = task.resource_request
    completed = tuple(_completed(request.pk))
    document = document_from(request.snapshot["entry"]["definition"])
    output, secret_outputs = _outputs(completed)
    sealed_values = sealing.unseal(request.sealed_values)
    secret_paths = {("current", *path) for path in forms.secret_paths(document.form)}
    secret_paths |= {("output", key) for key in secret_outputs}
    secret_paths.add(("system", "platform", "apiKey"))
    scope = Scope(
        current=_with_secrets(request.form_data, sealed_values),
        output=output,
        metadata=metadata_of(request.snapshot),
        system=system_of(request, task),
        types=forms.declared_types(document.form),
        secret_paths=frozenset(secret_paths),
    )
    component = next((part for part in getattr(document, "components", ()) if part.id == task.component_id), None)
    secrets = texts_in([sealed_values, [output[key] for key in secret_outputs], settings.PAO_PLATFORM_API_KEY])
    if component is None:
        return TaskScope(scope, completed, tuple(secrets))
    return TaskScope(scope, completed, tuple(secrets), component.inputs, component.when)


def _seen_by_component(scope: Scope, inputs: Mapping[str, str]) -> Scope:
    """Return the scope with the component's own view of `.current`: its `inputs`, computed over the bundle's."""
    current = deepcopy(dict(scope.current))
    secret_paths = set(scope.secret_paths)
    for path, text in inputs.items():
        template = parse(text)
        group, _, name = path.rpartition(".")
        target = current.setdefault(group, {}) if group else current
        target[name] = render_value(template, scope)
        if any(scope.is_secret(reference) for reference in template.references):
            secret_paths.add(("current", *path.split(".")))
    return replace(scope, current=current, secret_paths=frozenset(secret_paths))


def action_context(task: FulfillmentTask, scope: TaskScope, journal: Journal, *, deadline: float) -> Context:
    """Return what the action may know beside its config."""
    request = task.resource_request
    return Context(
        request_id=str(request.pk),
        task_id=str(task.pk),
        attempt=task.attempt,
        correlation_id=request.correlation_id,
        journal=journal,
        secret=secret,
        deadline=deadline,
        blocked_by=_blockers(task, scope.completed),
        waited=waits.state_of(task),
        tracking_url=f"{settings.PAO_PUBLIC_URL}/requests/{request.pk}/",
        summary_of_request=f"{request.entry_name} “{request.name}”, requested by {request.requester}",
    )


def secret(name: str) -> str:
    """Return the secret of that name from the environment; raises `SecretUnavailable` with the variable's name."""
    variable = "PAO_SECRET_" + re.sub(r"[^A-Z0-9]", "_", name.upper())
    value = os.environ.get(variable)
    if not value:
        raise SecretUnavailable(f"The secret {name!r} is not set: {variable} is missing.")
    return value


def metadata_of(snapshot: Mapping[str, Any]) -> dict[str, Any]:
    """Return `.metadata`: the static metadata of the entry and, in a bundle, of every component's item, by id."""
    definitions = [snapshot["entry"]["definition"], *(item["definition"] for item in snapshot["items"].values())]
    return {definition["metadata"]["id"]: dict(definition["metadata"]) for definition in definitions}


def system_of(request: ResourceRequest, task: FulfillmentTask) -> dict[str, Any]:
    """Return `.system`, frozen at submission: every attempt sees the same."""
    requester = Principal(
        id=request.requester,
        name=request.requester_name,
        email=request.requester_email,
        teams=tuple(request.requester_teams),
    )
    return system_namespace(
        request_id=request.pk,
        task_id=task.pk,
        correlation_id=request.correlation_id,
        at=request.created_at,
        requester=requester,
    )


def system_namespace(
    *, request_id: UUID, task_id: UUID, correlation_id: str, at: datetime, requester: Principal
) -> dict[str, Any]:
    """Return `.system` of a task (catalog contract, templates): uuid and shortId are the task's own."""
    return {
        "requestId": str(request_id),
        "correlationId": correlation_id,
        "timestamp": at.isoformat(timespec="seconds"),
        "date": at.date().isoformat(),
        "time": at.time().isoformat(timespec="seconds"),
        "uuid": str(task_id),
        "shortId": task_id.hex[-8:],
        "user": {
            "id": requester.id,
            "name": requester.name,
            "email": requester.email,
            "teams": list(requester.teams),
        },
        "platform": {
            "account": settings.PAO_PLATFORM_ACCOUNT,
            "region": settings.AWS_REGION,
            "environment": settings.PAO_PLATFORM_ENVIRONMENT,
            "apiKey": settings.PAO_PLATFORM_API_KEY,
        },
    }


def _outputs(completed: tuple[FulfillmentTask, ...]) -> tuple[dict[str, Any], set[str]]:
    values: dict[str, Any] = {}
    secrets: set[str] = set()
    for task in completed:
        sealed = sealing.unseal(task.sealed_outputs)
        values |= task.outputs | sealed
        secrets |= sealed.keys()
    return values, secrets


def _with_secrets(form_data: Mapping[str, Any], secrets: Mapping[str, Any]) -> dict[str, Any]:
    current = {key: dict(value) if isinstance(value, Mapping) else value for key, value in form_data.items()}
    for path, value in secrets.items():
        group, _, name = path.partition(".")
        current[group][name] = value
    return current


def _blockers(task: FulfillmentTask, completed: tuple[FulfillmentTask, ...]) -> tuple[Reference, ...]:
    """Return the tickets that block this task's: of what its component depends on, and before it in an escalation."""
    waited_for, places = set(task.depends_on), set(task.blocked_by)
    found = (
        Reference(**reference)
        for other in completed
        if other.component_id in waited_for or other.sequence_index in places
        for reference in other.references
        if reference["type"] == "jira-ticket"
    )
    return tuple(dict.fromkeys(found))
