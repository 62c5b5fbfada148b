"""A key that made a request lives as long as the request."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("api", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="idempotencykey",
            name="kept_with",
            field=models.UUIDField(blank=True, help_text="The request that it made, and goes with.", null=True),
        ),
        migrations.AddIndex(
            model_name="idempotencykey",
            index=models.Index(
                fields=["kept_with"], condition=models.Q(kept_with__isnull=False), name="idempotency_kept_with"
            ),
        ),
    ]
