"""`manage.py error_codes`: print the page of error codes, docs/errors.md."""

from typing import Any

from django.core.management.base import BaseCommand

from pao.api.errors_page import error_page_markdown


class Command(BaseCommand):
    """Print docs/errors.md."""

    help = "Print the table of error codes as Markdown, the content of docs/errors.md."

    def handle(self, *args: Any, **options: Any) -> None:
        """Write the page to standard output."""
        self.stdout.write(error_page_markdown(), ending="")
