"""Keep what a request was to be done by before it took a newer version, and when a lost worker cannot wake any more."""

import django.db.models.deletion
from django.db import migrations, models

import pao.core.clock
import pao.core.ids


class Migration(migrations.Migration):
    dependencies = [("requests", "0005_tasks_may_wait")]

    operations = [
        migrations.AddField(
            model_name="fulfillmenttask",
            name="wakes_until",
            field=models.DateTimeField(
                blank=True,
                help_text=(
                    "A worker was lost while it called: until then it may wake up, and nobody can deny its call (F49)."
                ),
                null=True,
            ),
        ),
        migrations.CreateModel(
            name="EarlierSnapshot",
            fields=[
                (
                    "id",
                    models.UUIDField(default=pao.core.ids.new_id, editable=False, primary_key=True, serialize=False),
                ),
                ("tenant", models.CharField(default="default", editable=False, max_length=63)),
                ("created_at", models.DateTimeField(default=pao.core.clock.now, editable=False)),
                ("entry_version", models.CharField(max_length=64)),
                ("commit", models.CharField(max_length=64)),
                ("snapshot", models.JSONField()),
                (
                    "form_data",
                    models.JSONField(help_text="As it was, before defaults of the newer form; secrets are masked."),
                ),
                ("replaced_by", models.CharField(help_text="Who decided.", max_length=255)),
                (
                    "resource_request",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="earlier_snapshots",
                        to="requests.resourcerequest",
                    ),
                ),
            ],
            options={"ordering": ["resource_request", "id"]},
        ),
    ]
