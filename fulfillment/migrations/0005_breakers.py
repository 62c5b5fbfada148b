"""Circuit breakers of destinations, and tasks that wait for what is down."""

import django.db.models.deletion
from django.db import migrations, models

import pao.core.clock
import pao.core.ids

OUTCOMES = {
    "running": "Running",
    "completed": "Completed",
    "failed": "Failed",
    "skipped": "Skipped: its condition did not hold",
    "lost": "Lost with its worker",
    "late": "Ended after the task had moved on",
    "waiting": "Waits: the next attempt goes on",
    "postponed": "Put off: the other side is down",
}


class Migration(migrations.Migration):
    dependencies = [("fulfillment", "0004_attempts_may_wait"), ("requests", "0004_log_lines_say_who")]
    operations = [
        migrations.CreateModel(
            name="Breaker",
            fields=[
                (
                    "id",
                    models.UUIDField(default=pao.core.ids.new_id, editable=False, primary_key=True, serialize=False),
                ),
                ("tenant", models.CharField(default="default", editable=False, max_length=63)),
                ("created_at", models.DateTimeField(default=pao.core.clock.now, editable=False)),
                ("destination", models.CharField(help_text="Scheme, host and port.", max_length=300)),
                (
                    "failures",
                    models.PositiveIntegerField(
                        default=0, help_text="Counted since then, without an answer between them."
                    ),
                ),
                ("counted_since", models.DateTimeField(blank=True, null=True)),
                ("opened_at", models.DateTimeField(blank=True, help_text="Empty while it is closed.", null=True)),
                (
                    "retry_at",
                    models.DateTimeField(blank=True, help_text="From then on one call is let through.", null=True),
                ),
                (
                    "failed_trials",
                    models.PositiveIntegerField(default=0, help_text="In a row; each makes the pause longer."),
                ),
                (
                    "trial_of",
                    models.CharField(blank=True, default="", help_text="Who makes the trial now.", max_length=127),
                ),
                (
                    "trial_ends_at",
                    models.DateTimeField(blank=True, help_text="After that the trial counts for nothing.", null=True),
                ),
                ("last_cause", models.CharField(blank=True, default="", max_length=300)),
                ("last_failed_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "ordering": ["destination"],
                "indexes": [
                    models.Index(
                        fields=["destination"], condition=models.Q(opened_at__isnull=False), name="breaker_open"
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("tenant", "destination"), name="breaker_destination_unique"),
                    models.CheckConstraint(
                        condition=models.Q(opened_at__isnull=True) | models.Q(retry_at__isnull=False),
                        name="breaker_open_has_retry",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Postponement",
            fields=[
                (
                    "id",
                    models.UUIDField(default=pao.core.ids.new_id, editable=False, primary_key=True, serialize=False),
                ),
                ("tenant", models.CharField(default="default", editable=False, max_length=63)),
                ("created_at", models.DateTimeField(default=pao.core.clock.now, editable=False)),
                (
                    "attempt",
                    models.PositiveIntegerField(help_text="The attempt that waits; at any other the waiting is over."),
                ),
                ("waits_for", models.CharField(help_text="Scheme, host and port.", max_length=300)),
                ("since", models.DateTimeField(help_text="When the first of several in a row began.")),
                ("not_before", models.DateTimeField()),
                (
                    "task",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="postponement",
                        to="requests.fulfillmenttask",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["waits_for", "not_before"], name="postponement_by_destination")],
            },
        ),
        migrations.RemoveConstraint(model_name="taskattempt", name="attempt_outcome_known"),
        migrations.AlterField(
            model_name="taskattempt",
            name="outcome",
            field=models.CharField(choices=list(OUTCOMES.items()), default="running", max_length=15),
        ),
        migrations.AddConstraint(
            model_name="taskattempt",
            constraint=models.CheckConstraint(
                condition=models.Q(outcome__in=list(OUTCOMES)), name="attempt_outcome_known"
            ),
        ),
    ]
