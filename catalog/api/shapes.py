"""How an entry looks in the API, and the tag of the generation that it is answered from."""

import hashlib
import json
from typing import Any

from django.conf import settings
from rest_framework import serializers

from catalog.cache import NONE_YET, Generation
from catalog.models import Availability, CatalogEntry, EntryKind

MODES = ("manual", "automatic", "sequential", "parallel")


class OwnerShape(serializers.Serializer[Any]):
    """Who offers an entry: the team that its document names, and who owns its file."""

    team = serializers.CharField(allow_blank=True)
    contact = serializers.CharField(allow_blank=True)
    code_owners = serializers.ListField(
        child=serializers.CharField(), help_text="Of its file by CODEOWNERS: users, teams, e-mail addresses."
    )


class EntryShape(serializers.Serializer[Any]):
    """An entry in a list."""

    id = serializers.CharField()
    kind = serializers.ChoiceField(EntryKind.values)
    category = serializers.CharField(allow_blank=True)
    name = serializers.CharField()
    description = serializers.CharField()
    version = serializers.CharField()
    commit = serializers.CharField()
    owner = OwnerShape()
    mode = serializers.ChoiceField(MODES)
    components = serializers.ListField(child=serializers.CharField())
    availability = serializers.ChoiceField(Availability.values)
    unavailable_reason = serializers.CharField(allow_blank=True)


class EntryDetailShape(EntryShape):
    """An entry with its document."""

    path = serializers.CharField(help_text="Its file in the catalog's repository.")
    definition = serializers.DictField(help_text="The document as it stands in the repository.")
    findings = serializers.ListField(child=serializers.DictField(), help_text="Warnings it is served with.")


def entry_row(entry: CatalogEntry) -> dict[str, Any]:
    """Return an entry as lists show it; its current version is loaded, but for the document."""
    version = entry.current
    return {
        "id": entry.entry_id,
        "kind": entry.kind,
        "category": entry.category,
        "name": entry.name,
        "description": entry.description,
        "version": version.version if version else "",
        "commit": version.commit if version else "",
        "owner": owner_of(entry),
        "mode": entry.mode,
        "components": entry.components,
        "availability": entry.availability,
        "unavailable_reason": entry.unavailable_reason,
    }


def owner_of(entry: CatalogEntry) -> dict[str, Any]:
    """Return who offers an entry."""
    return {"team": entry.owner_team, "contact": entry.owner_contact, "code_owners": entry.code_owners}


def generation_tag(generation: Generation, *subject: Any) -> dict[str, str]:
    """Return the ETag header for what a generation says of a subject; none before the first generation.

    The build is part of it: a newer PAO may tell the same in another shape.
    """
    if generation == NONE_YET:
        return {}
    told = json.dumps([generation, settings.PAO_BUILD, subject], default=str)
    return {"ETag": f'"{generation.number}.{hashlib.sha256(told.encode()).hexdigest()[:16]}"'}
