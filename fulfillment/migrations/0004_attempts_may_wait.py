"""An attempt may end because its task waits."""

from django.db import migrations, models

OUTCOMES = [
    ("running", "Running"),
    ("completed", "Completed"),
    ("failed", "Failed"),
    ("skipped", "Skipped: its condition did not hold"),
    ("lost", "Lost with its worker"),
    ("late", "Ended after the task had moved on"),
    ("waiting", "Waits: the next attempt goes on"),
]


class Migration(migrations.Migration):
    dependencies = [("fulfillment", "0003_attempts_are_found_by_their_end")]

    operations = [
        migrations.RemoveConstraint(model_name="taskattempt", name="attempt_outcome_known"),
        migrations.AlterField(
            model_name="taskattempt",
            name="outcome",
            field=models.CharField(choices=OUTCOMES, default="running", max_length=15),
        ),
        migrations.AddConstraint(
            model_name="taskattempt",
            constraint=models.CheckConstraint(
                condition=models.Q(("outcome__in", [value for value, _ in OUTCOMES])), name="attempt_outcome_known"
            ),
        ),
    ]
