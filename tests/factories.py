"""Test data: a catalog served from plain definitions, and requests submitted through the public verb."""

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.contrib.auth.models import Group, User
from factory.declarations import LazyAttribute, Sequence
from factory.django import DjangoModelFactory
from factory.helpers import post_generation

from catalog.models import CatalogEntry, CatalogVersion, EntryKind
from pao.core.context import Principal, correlation_id
from requests_app.models import FulfillmentTask, ResourceRequest
from requests_app.submit import submit

NAME_PATTERN = "^[a-z][a-z0-9-]{2,28}[a-z0-9]$"


class UserFactory(DjangoModelFactory[User]):
    """A Django user; `teams` and `roles` become groups."""

    class Meta:
        model = User
        skip_postgeneration_save = True

    username = Sequence(lambda number: f"user{number}")
    email = LazyAttribute(lambda user: f"{user.username}@example.com")

    @post_generation
    def groups(self, create: bool, names: tuple[str, ...] | None, **_: Any) -> None:  # noqa: FBT001 - factory-boy's hook
        """Put the user into groups by name."""
        if create and names:
            self.groups.set([Group.objects.get_or_create(name=name)[0] for name in names])


def ticket(project: str = "DBA", summary: str = "Make {{.current.name}}", **more: Any) -> dict[str, Any]:
    """Return a jira-ticket action."""
    fields = {"project": project, "issueType": "Task", "summaryTemplate": summary, **more}
    return {"type": "jira-ticket", "config": {"ticket": fields}}


def rest(url: str = "http://127.0.0.1:9/platform/databases", **more: Any) -> dict[str, Any]:
    """Return a rest-api action that posts the name."""
    body = {"type": "json", "contentTemplate": '{"instanceName": "{{.current.name}}"}'}
    return {"type": "rest-api", "config": {"endpoint": {"url": url, "method": "POST"}, "body": body}, **more}


def commit(repository: str = "acme/infrastructure", **more: Any) -> dict[str, Any]:
    """Return a git-commit action that adds one file on a branch, both named as the request."""
    file = {
        "path": "databases/{{.current.name}}.yaml",
        "operation": "create",
        "contentTemplate": "name: {{.current.name}}\n",
    }
    config = {"repository": repository, "branch": "pao/{{.current.name}}", "files": [file]}
    return {"type": "git-commit", "config": {**config, "commitMessage": "Add {{.current.name}}", **more}}


def item(
    item_id: str = "database-small-test",
    *,
    actions: list[dict[str, Any]] | None = None,
    fields: list[dict[str, Any]] | None = None,
    mode: str = "manual",
    **metadata: Any,
) -> dict[str, Any]:
    """Return the definition of an item; its manual path is always one ticket unless the mode is manual."""
    chosen = actions if actions is not None else [ticket()]
    fulfillment: dict[str, Any] = {
        "strategy": {"mode": mode},
        "manual": {"actions": chosen if mode == "manual" else [ticket()]},
    }
    if mode == "automatic":
        fulfillment["automatic"] = {"actions": chosen}
    return {
        "schemaVersion": "catalog/v1",
        "kind": "CatalogItem",
        "metadata": {
            "id": item_id,
            "name": f"The {item_id}",
            "description": "An entry that exists for the tests, described in more than fifty characters.",
            "version": "1.0.0",
            "category": "databases",
            "owner": {"team": "platform-databases", "contact": "databases@example.com"},
            **metadata,
        },
        "input": {"form": _form(fields)},
        "fulfillment": fulfillment,
    }


def bundle(
    bundle_id: str = "bundle-stack-test",
    *,
    components: Mapping[str, tuple[str, ...]],
    item_of: Mapping[str, str] | None = None,
    mode: str = "sequential",
    fields: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """Return the definition of a bundle: component id → ids it depends on; items are named after components."""
    return {
        "schemaVersion": "catalog/v1",
        "kind": "CatalogBundle",
        "metadata": {
            "id": bundle_id,
            "name": f"The {bundle_id}",
            "description": "A bundle that exists for the tests, described in more than fifty characters.",
            "version": "2.0.0",
            "owner": {"team": "platform-databases", "contact": "databases@example.com"},
        },
        "components": [
            {
                "id": component,
                "catalogItem": (item_of or {}).get(component, f"item-{component}-test"),
                **({"dependsOn": list(depends_on)} if depends_on else {}),
            }
            for component, depends_on in components.items()
        ],
        "input": {"form": _form(fields)},
        "fulfillment": {"orchestration": {"mode": mode}},
    }


def _form(fields: list[dict[str, Any]] | None) -> dict[str, Any]:
    form: dict[str, Any] = {
        "name": "Name",
        "type": "string",
        "required": True,
        "validation": {"pattern": NAME_PATTERN},
    }
    if fields:
        form["groups"] = [{"id": "basic", "name": "Basic", "fields": fields}]
    return form


def serve(*definitions: dict[str, Any]) -> None:
    """Put definitions into the served catalog, as a sync would."""
    for definition in definitions:
        metadata = definition["metadata"]
        is_bundle = definition["kind"] == "CatalogBundle"
        orchestration = definition["fulfillment"].get("orchestration", {})
        entry = CatalogEntry.objects.create(
            entry_id=metadata["id"],
            kind=EntryKind.BUNDLE if is_bundle else EntryKind.ITEM,
            category=metadata.get("category", ""),
            name=metadata["name"],
            description=metadata["description"],
            owner_team=metadata["owner"]["team"],
            owner_contact=metadata["owner"]["contact"],
            mode=orchestration.get("mode") or definition["fulfillment"]["strategy"]["mode"],
            path=f"catalog/databases/{metadata['id']}.yaml",
            components=sorted({part["catalogItem"] for part in definition.get("components", [])}),
        )
        entry.current = CatalogVersion.objects.create(
            entry=entry,
            version=metadata["version"],
            commit="c0ffee" * 6 + "c0ff",
            content_hash=uuid.uuid4().hex,
            definition=definition,
        )
        entry.save()


def serve_stack(mode: str = "sequential", **item_options: Any) -> str:
    """Serve a bundle of three: `database` ← `secrets` ← `app` (which needs both); return its id."""
    components: dict[str, tuple[str, ...]] = {"database": (), "secrets": ("database",), "app": ("database", "secrets")}
    serve(*(item(f"item-{component}-test", **item_options) for component in components))
    serve(bundle(components=components, mode=mode))
    return "bundle-stack-test"


def principal(name: str = "dana", *, teams: tuple[str, ...] = (), roles: frozenset[str] = frozenset()) -> Principal:
    """Return somebody."""
    return Principal(
        id=name, name=name.capitalize(), email=f"{name}@example.com", teams=teams, roles=roles, method="test"
    )


def submitted(
    entry_id: str, form_data: Mapping[str, Any] | None = None, by: Principal | None = None
) -> ResourceRequest:
    """Submit a request through the verb and return it."""
    with correlated():
        return submit(entry_id=entry_id, form_data=form_data or {"name": "my-thing"}, by=by or principal())


@contextmanager
def correlated(value: str = "test-correlation") -> Iterator[None]:
    """Act under a correlation id, as the middleware and the worker do."""
    token = correlation_id.set(value)
    try:
        yield
    finally:
        correlation_id.reset(token)


def tasks_by_component(request: ResourceRequest) -> dict[str, FulfillmentTask]:
    """Return the tasks of a request of one action per component, by component."""
    return {task.component_id: task for task in request.tasks.order_by("sequence_index")}
