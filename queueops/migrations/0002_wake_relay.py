"""A new outbox row wakes the relay at commit, without a round trip of the writer."""

from django.db import migrations

WAKE = """
CREATE FUNCTION outbox_wake_relay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('pao_outbox', '');
    RETURN NULL;
END $$;
CREATE TRIGGER outbox_wake AFTER INSERT ON queueops_outboxmessage
    FOR EACH STATEMENT EXECUTE FUNCTION outbox_wake_relay();
"""
SLEEP = """
DROP TRIGGER outbox_wake ON queueops_outboxmessage;
DROP FUNCTION outbox_wake_relay();
"""


class Migration(migrations.Migration):
    dependencies = [("queueops", "0001_initial")]
    operations = [migrations.RunSQL(WAKE, SLEEP)]
