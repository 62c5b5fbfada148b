"""What every table has: a key that sorts by time, a tenant, a moment of creation; and the clock of the database."""

from datetime import datetime

from django.db import connection, models

from pao.core.clock import now
from pao.core.ids import new_id

DEFAULT_TENANT = "default"


class Record(models.Model):
    """A row of PAO. The tenant stands in every table and unique index from the first day; there is one so far."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.CharField(max_length=63, default=DEFAULT_TENANT, editable=False)
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        abstract = True


def database_now() -> datetime:
    """Return the present moment by the clock of the database, which no process can set (rule R5)."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        moment: datetime = cursor.fetchone()[0]
    return moment
