"""What a dry run of a request looks like outside."""

from typing import Any

from rest_framework import serializers

from requests_app.api.serializers import ReasonShape


class PlannedCallShape(serializers.Serializer[Any]):
    """One call that a task would make."""

    method = serializers.CharField()
    url = serializers.CharField()
    body = serializers.JSONField(help_text="null for a call without one.")
    headers = serializers.DictField(child=serializers.CharField())
    note = serializers.CharField(allow_blank=True)


class ConditionShape(serializers.Serializer[Any]):
    """Whether a task would be done: `open` when an output of an earlier task decides."""

    verdict = serializers.ChoiceField(["none", "holds", "fails", "open"])
    sentence = serializers.CharField(allow_blank=True)


class WarningShape(serializers.Serializer[Any]):
    """A reference that points at nothing."""

    code = serializers.CharField()
    reference = serializers.CharField()
    message = serializers.CharField()


class PlannedTaskShape(serializers.Serializer[Any]):
    """One task that the request would have."""

    sequence_index = serializers.IntegerField()
    component_id = serializers.CharField(allow_blank=True)
    item_id = serializers.CharField()
    action_type = serializers.CharField()
    depends_on = serializers.ListField(child=serializers.CharField(), help_text="Ids of components.")
    blocked_by = serializers.ListField(
        child=serializers.IntegerField(), help_text="Sequence indexes of the tasks that it waits for directly."
    )
    wave = serializers.IntegerField(help_text="Tasks of one wave may run side by side.")
    skipped = serializers.BooleanField()
    condition = ConditionShape()
    calls = PlannedCallShape(many=True)
    outputs = serializers.ListField(child=serializers.CharField(), help_text="What it leaves for the tasks after it.")
    warnings = WarningShape(many=True)
    error = ReasonShape(allow_null=True, help_text="Why its calls cannot be shown.")


class DryRunShape(serializers.Serializer[Any]):
    """What a request would do."""

    item_id = serializers.CharField()
    item_name = serializers.CharField()
    item_kind = serializers.CharField()
    item_version = serializers.CharField()
    commit = serializers.CharField()
    mode = serializers.CharField(help_text="sequential or parallel.")
    forced_manual = serializers.BooleanField()
    form_data = serializers.DictField(help_text="As it would be stored: defaults filled in, secrets masked.")
    tasks = PlannedTaskShape(many=True)
