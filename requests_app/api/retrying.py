"""What a retry, and the difference that the latest version makes, look like outside."""

from typing import Any

from rest_framework import serializers

from catalog.api.versions import DifferenceShape
from pao.api.serializers import StrictSwitch, StrictText
from requests_app.api.serializers import VerbBody
from requests_app.domain.renewal import Fate
from requests_app.retry_latest import LATEST, SNAPSHOT


class RetryBody(VerbBody):
    """The body of a retry."""

    confirm_no_effect = StrictSwitch(
        required=False,
        default=False,
        help_text="True when a person has looked outside and confirms that a call of unknown outcome had no effect.",
    )
    on = serializers.ChoiceField(
        (SNAPSHOT, LATEST),
        required=False,
        default=SNAPSHOT,
        help_text="snapshot: as it was accepted. latest: as the catalog offers it now.",
    )
    seen = StrictText(
        max_length=64,
        required=False,
        default="",
        allow_blank=True,
        help_text="On latest: the mark of the difference that was seen, from a dry run.",
    )


class VersionMark(serializers.Serializer[Any]):
    """A version of an entry, and where it came from."""

    version = serializers.CharField()
    commit = serializers.CharField()


class DocumentChangeShape(serializers.Serializer[Any]):
    """A document that differs; a version is empty where the document is not there."""

    id = serializers.CharField()
    before = serializers.CharField(allow_blank=True)
    after = serializers.CharField(allow_blank=True)
    difference = DifferenceShape()


class StepShape(serializers.Serializer[Any]):
    """What becomes of a task."""

    id = serializers.UUIDField(allow_null=True, help_text="Null for a task that is new.")
    name = serializers.CharField()
    fate = serializers.ChoiceField([fate.value for fate in Fate])
    changed = serializers.BooleanField(help_text="Whether the newer version has its action otherwise.")
    sentence = serializers.CharField()


class ProblemShape(serializers.Serializer[Any]):
    """A field of the newer form that the stored form data does not fit."""

    field = serializers.CharField()
    issue = serializers.CharField()
    code = serializers.CharField(required=False)
    pointer = serializers.CharField(required=False)


class OutlookShape(serializers.Serializer[Any]):
    """What a retry on the latest version would do."""

    seen = serializers.CharField(help_text="Give it with the retry itself.")
    possible = serializers.BooleanField()
    before = VersionMark()
    after = VersionMark()
    documents = DocumentChangeShape(many=True)
    tasks = StepShape(many=True, help_text="In their new order; those that are dropped come last.")
    refusals = serializers.ListField(child=serializers.CharField(), help_text="Why it is not possible.")
    problems = ProblemShape(many=True)
