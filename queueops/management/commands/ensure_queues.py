"""`manage.py ensure_queues`: create the queues of PAO, or check those that exist."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from pao.core.errors import Misconfigured, QueueUnavailable
from queueops import sqs


class Command(BaseCommand):
    """Creates or checks both queues; exits with 1 and the reason when one is not as it must be."""

    help = "Create the FIFO queue and its dead-letter queue, or check that the existing ones are as PAO needs them."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Print one line for each queue: created or found, name, URL."""
        try:
            report = sqs.ensure_queues()
        except (Misconfigured, QueueUnavailable) as error:
            raise CommandError(error.message) from error
        for queue in (report.dead_letters, report.main):
            self.stdout.write(f"{'created' if queue.created else 'found'} {queue.name} {queue.url}")
