"""What every table has: a key that sorts by time, a tenant, a moment of creation."""

from django.db import models

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
