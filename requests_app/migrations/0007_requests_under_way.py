"""The requests under way, and the tasks that move them, in indexes of their own: the reaper compares the two."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("requests", "0006_requests_may_take_a_newer_version")]

    operations = [
        migrations.AddIndex(
            model_name="resourcerequest",
            index=models.Index(
                fields=["id"],
                condition=~models.Q(state__in=["completed", "failed", "aborted"]),
                name="request_under_way",
            ),
        ),
        migrations.AddIndex(
            model_name="fulfillmenttask",
            index=models.Index(
                fields=["resource_request"],
                condition=~models.Q(state__in=["completed", "failed", "pending", "skipped", "stuck"]),
                name="task_moving",
            ),
        ),
    ]
