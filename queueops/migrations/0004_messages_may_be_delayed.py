"""A message may wait in the outbox until a moment of the database's clock."""

from django.db import migrations, models
from django.db.models.functions import Now


class Migration(migrations.Migration):
    dependencies = [("queueops", "0003_dead_letters_are_decided_on")]
    operations = [
        migrations.AddField(
            model_name="outboxmessage",
            name="not_before",
            field=models.DateTimeField(
                db_default=Now(), help_text="When it may be sent at the earliest, by the clock of the database."
            ),
        ),
        migrations.AddIndex(
            model_name="outboxmessage",
            index=models.Index(
                fields=["not_before", "id"], condition=models.Q(sent_at__isnull=True), name="outbox_due"
            ),
        ),
    ]
