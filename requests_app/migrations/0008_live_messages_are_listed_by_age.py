"""One index for what waits and what is with a worker, so that both are listed by age however much has ended."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("requests", "0007_requests_under_way")]
    operations = [
        migrations.AddIndex(
            model_name="fulfillmenttask",
            index=models.Index(
                fields=["queued_at", "id"], condition=models.Q(state__in=["queued", "processing"]), name="task_live"
            ),
        ),
        migrations.RemoveIndex(model_name="fulfillmenttask", name="task_waiting"),
    ]
