"""`manage.py decide`: the verbs of people from a shell, for operators: retry, resolve, escalate, confirm, abort."""

import uuid
from collections.abc import Callable, Mapping
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from pao.core.context import Principal, correlated
from pao.core.errors import PaoError
from pao.core.ids import new_id
from requests_app.abort import abort
from requests_app.confirm import confirm
from requests_app.domain.renewal import named
from requests_app.escalate import escalate
from requests_app.models import ResourceRequest
from requests_app.resolve import OUTCOMES, resolve
from requests_app.retry_latest import LATEST, SNAPSHOT, outlook, retry_on

VERBS: Mapping[str, Callable[..., ResourceRequest]] = {
    "retry": retry_on,
    "resolve": resolve,
    "escalate": escalate,
    "confirm": confirm,
    "abort": abort,
}


class Command(BaseCommand):
    """Exit status 0: done, or shown; 1: refused, with why and what is possible instead."""

    help = "Decide on a request as an operator; the name given with --by and the reason are audited."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which verb on which request, who decides, and why."""
        parser.add_argument("verb", choices=VERBS)
        parser.add_argument("request", type=uuid.UUID, help="id of the request")
        parser.add_argument("--by", required=True, metavar="NAME", help="who decides, as it is audited")
        parser.add_argument("--reason", required=True)
        parser.add_argument("--task", type=uuid.UUID, help="resolve: id of the halted task")
        parser.add_argument("--outcome", choices=OUTCOMES, help="resolve: how the task ended")
        parser.add_argument("--reference", action="append", default=[], metavar="KEY", help="resolve: a ticket's key")
        parser.add_argument(
            "--output", action="append", default=[], metavar="NAME=VALUE", help="resolve: an output, as text"
        )
        parser.add_argument(
            "--confirm-no-effect", action="store_true", help="retry: a call of unknown outcome did nothing"
        )

        parser.add_argument(
            "--on",
            choices=(SNAPSHOT, LATEST),
            default=SNAPSHOT,
            help="retry: as accepted, or as the catalog has it now",
        )
        parser.add_argument(
            "--seen", default="", metavar="MARK", help="retry --on latest: of the difference; without, it is only shown"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it; a CommandError says what was refused."""
        by = Principal(id=options["by"], name=options["by"], method="command", roles=frozenset({"operator"}))
        try:
            with correlated(str(new_id())):
                self.stdout.write(_shown(options) if _only_looks(options) else _done(options, by))
        except ResourceRequest.DoesNotExist:
            raise CommandError(f"There is no request {options['request']}.") from None
        except PaoError as error:
            problems = " ".join(f"{detail.field}: {detail.issue}" for detail in error.details)
            allowed = ", ".join(error.facts.get("allowed") or ())
            possible = f"Possible now: {allowed}." if allowed else ""
            words = " ".join(part for part in (error.message, problems, possible) if part)
            raise CommandError(f"Nothing was done. {words}") from error


def _only_looks(options: Mapping[str, Any]) -> bool:
    return options["verb"] == "retry" and options["on"] == LATEST and not options["seen"]


def _shown(options: Mapping[str, Any]) -> str:
    """Return the difference that a retry on the latest version would make, and how it is done then."""
    view = outlook(resource_request_id=options["request"])
    lines = [f"Version {view.before['version']} → {view.after['version']}"]
    lines += [f"  {step.fate.value}: {named(step)}. {step.sentence}" for step in view.steps]
    lines += [
        f"{each.id} {each.before or '–'} → {each.after or '–'}\n{each.difference.text}" for each in view.documents
    ]
    lines += [f"Not possible: {refusal}" for refusal in view.refusals]
    lines += [f"Not possible: {problem.field}: {problem.issue}" for problem in view.problems]
    if view.is_possible:
        lines.append(f"Nothing was done yet. To do this: --on latest --seen {view.seen}")
    return "\n".join(lines)


def _done(options: dict[str, Any], by: Principal) -> str:
    verb = VERBS[options["verb"]]
    moved = verb(resource_request_id=options["request"], by=by, reason=options["reason"], **_more(options))
    return f"The request is {moved.state}. {moved.state_reason['sentence']}"


def _more(options: dict[str, Any]) -> dict[str, Any]:
    if options["verb"] == "retry":
        return {name: options[name] for name in ("confirm_no_effect", "on", "seen")}
    if options["verb"] != "resolve":
        return {}
    if not options["task"] or not options["outcome"]:
        raise CommandError("resolve needs --task and --outcome.")
    pairs = [output.partition("=") for output in options["output"]]
    return {
        "task_id": options["task"],
        "outcome": options["outcome"],
        "references": [{"key": key} for key in options["reference"]],
        "outputs": {name: value for name, _, value in pairs},
    }
