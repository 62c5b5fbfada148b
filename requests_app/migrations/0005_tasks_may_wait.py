"""Requests and tasks may wait for something outside: the state, when a wait is due, and when it ends."""

from django.db import migrations, models

REQUEST_STATES = (
    "submitted",
    "processing",
    "waiting",
    "retrying",
    "completed",
    "failed",
    "escalated",
    "aborted",
)
TASK_STATES = ("pending", "queued", "processing", "waiting", "completed", "failed", "stuck", "skipped")


class Migration(migrations.Migration):
    dependencies = [("requests", "0004_log_lines_say_who")]

    operations = [
        migrations.RemoveConstraint(model_name="fulfillmenttask", name="task_state_known"),
        migrations.RemoveConstraint(model_name="resourcerequest", name="request_state_known"),
        migrations.AddField(
            model_name="fulfillmenttask",
            name="wait_state",
            field=models.JSONField(
                default=dict, db_default={}, help_text="What a task that waits needs to go on; masked, or sealed."
            ),
        ),
        migrations.AddField(
            model_name="fulfillmenttask",
            name="wait_looks",
            field=models.BooleanField(
                default=True, db_default=True, help_text="Whether it looks for itself how far the other side is."
            ),
        ),
        migrations.AddField(
            model_name="fulfillmenttask",
            name="wait_due_at",
            field=models.DateTimeField(blank=True, help_text="When a waiting task is woken next.", null=True),
        ),
        migrations.AddField(
            model_name="fulfillmenttask",
            name="wait_ends_at",
            field=models.DateTimeField(blank=True, help_text="When the waiting is given up.", null=True),
        ),
        migrations.AlterField(
            model_name="fulfillmenttask",
            name="state",
            field=models.CharField(
                choices=[(state, state.capitalize()) for state in TASK_STATES], default="pending", max_length=15
            ),
        ),
        migrations.AlterField(
            model_name="resourcerequest",
            name="state",
            field=models.CharField(
                choices=[(state, state.capitalize()) for state in REQUEST_STATES], default="submitted", max_length=15
            ),
        ),
        migrations.AddIndex(
            model_name="fulfillmenttask",
            index=models.Index(condition=models.Q(("state", "waiting")), fields=["wait_due_at"], name="task_due"),
        ),
        migrations.AddConstraint(
            model_name="fulfillmenttask",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", list(TASK_STATES))), name="task_state_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="fulfillmenttask",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "waiting"), _negated=True),
                    models.Q(
                        ("lease_expires_at__isnull", True),
                        ("wait_due_at__isnull", False),
                        ("wait_ends_at__isnull", False),
                        ("worker", ""),
                    ),
                    _connector="OR",
                ),
                name="task_waiting_has_due",
            ),
        ),
        migrations.AddConstraint(
            model_name="resourcerequest",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", list(REQUEST_STATES))), name="request_state_known"
            ),
        ),
    ]
