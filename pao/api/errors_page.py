"""The page of error codes, for docs/errors.md and for the address that every error answer names."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from pao.api.errors import error_codes

_HEAD = """# Error codes

Every error of the API has this shape, with the HTTP status of its code:

```json
{"error": {"code": "…", "message": "…", "details": [{"field": "…", "issue": "…", "code": "…", "pointer": "…"}],
           "correlation_id": "…", "doc_url": "…", "retryable": false}}
```

`retryable` says that the same call may succeed later; `Retry-After` then says after how many seconds. Written by
`manage.py error_codes` from the error classes: change those, not this page.

| code | HTTP | retryable | what it means | what to do |
|---|---|---|---|---|
"""


def error_page_markdown() -> str:
    """Return the whole text of docs/errors.md."""
    rows = [
        f"| `{row.code}` | {row.status} | {'yes' if row.retryable else 'no'} | {row.meaning} | {row.next_step} |\n"
        for row in error_codes()
    ]
    return _HEAD + "".join(rows)


def error_page(request: HttpRequest) -> HttpResponse:
    """Show the error codes, each under the anchor that `doc_url` names."""
    return render(request, "api/error_codes.html", {"codes": error_codes()})
