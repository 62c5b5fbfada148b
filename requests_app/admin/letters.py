"""Dead letters in the admin: what each asks for, whether it can be redriven, and the buttons for one and for many."""

import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from pao.admin import MOST_COUNTED, link, list_url, row_url, telling
from pao.core.context import Principal
from pao.core.errors import Conflict
from pao.identity import principal_of
from queueops import admin as books
from queueops import dead_letters
from queueops.models import DeadLetter, DeadLetterCause, DeadLetterStatus
from requests_app.admin.bulk import Deed, Line, Several, answer, is_operator, must_operate, said
from requests_app.models import FulfillmentTask
from requests_app.pages.verbs import LONGEST_REASON, VerbForm, refusal
from requests_app.redrive import chosen, redrive, redrive_each, refusals, tasks_of
from requests_app.templatetags.pao import ago
from requests_app.templatetags.pao import state as state_badge

REDRIVE = Deed(
    "redrive",
    "Redrive",
    "redriven",
    "Sends its message again, with a new send number. Mend the cause first.",
    "dead letter",
)
DISCARD = Deed(
    "discard",
    "Discard",
    "discarded",
    "Lays it aside for good. Its task and its request stay as they are: decide on those by themselves.",
    "dead letter",
)
DEEDS = {deed.verb: deed for deed in (REDRIVE, DISCARD)}
_GOES = "Can be redriven."


@admin.register(DeadLetter)
class DeadLetterAdmin(books.DeadLetterAdmin):
    """The post office's dead letters, with what they ask for."""

    change_list_template = "admin/queueops/deadletter/change_list.html"
    change_form_template = "admin/queueops/deadletter/change_form.html"
    list_display = ("age", "standing", "why", "asks_for", "outlook", "receives", "redrives")
    actions = ("redrive_several", "discard_several")

    def get_urls(self) -> list[URLPattern]:
        """Add the addresses of the buttons."""
        wrap = self.admin_site.admin_view
        name = "queueops_deadletter"
        return [
            path("several/<str:verb>/", wrap(require_POST(self.several_view)), name=f"{name}_several"),
            *(path(f"<uuid:letter_id>/{verb}/", wrap(self._button(verb)), name=f"{name}_{verb}") for verb in DEEDS),
            *super().get_urls(),
        ]

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Return the verbs about many, for operators."""
        return super().get_actions(request) if is_operator(request) else {}

    @admin.action(description="Redrive, after a preview")
    def redrive_several(self, request: HttpRequest, queryset: QuerySet[DeadLetter]) -> HttpResponse:
        """Show what a redrive of the ticked letters would do."""
        return answer(request, self, _several(REDRIVE), _ids(queryset))

    @admin.action(description="Discard, after a preview")
    def discard_several(self, request: HttpRequest, queryset: QuerySet[DeadLetter]) -> HttpResponse:
        """Show what a discard of the ticked letters would do."""
        return answer(request, self, _several(DISCARD), _ids(queryset))

    def several_view(self, request: HttpRequest, verb: str) -> HttpResponse:
        """Preview a verb about the letters given, or about all open ones of a cause; or do it."""
        principal = must_operate(request)
        if verb not in DEEDS:
            raise Http404
        cause = request.POST.get("cause", "")
        keys = request.POST.getlist("key")
        if cause in DeadLetterCause.values:
            keys = _ids(chosen(principal.tenant, cause=cause))
        return answer(request, self, _several(DEEDS[verb]), keys)

    def _button(self, verb: str) -> Any:
        """Return the view that redrives or discards one letter, and goes back to its page, which says what was done."""

        @require_POST
        def pressed(request: HttpRequest, letter_id: uuid.UUID) -> HttpResponse:
            principal = must_operate(request)
            letter = dead_letters.letters_of(principal.tenant).filter(pk=letter_id).first()
            if letter is None:
                raise Http404
            _press(request, letter, verb, principal)
            return HttpResponseRedirect(row_url("queueops_deadletter", letter_id), status=303)

        return pressed

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show the list, above it the open letters by cause, for operators with the verbs about all of a cause."""
        facts: dict[str, Any] = {}
        if self.has_view_permission(request):
            facts = {"causes": _open_by_cause(principal_of(request).tenant), "may_decide": is_operator(request)}
        return super().changelist_view(request, facts | (extra_context or {}))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show a letter: why it died, what it asks for, and what may be done about it."""
        found = self.get_object(request, object_id) if self.has_view_permission(request) else None
        facts: dict[str, Any] = {"may_decide": is_operator(request), "deeds": (REDRIVE, DISCARD)}
        if found is not None:
            self.prepare([found])
            facts |= {"letter": found, "standing": self.standing(found)}
            facts["refusal"] = said(found.refusal)
        return super().change_view(request, object_id, form_url, facts | (extra_context or {}))

    def prepare(self, rows: Sequence[Any]) -> None:
        """Give the letters of a page their tasks, and why a redrive of each would be refused; in two queries."""
        tasks, refused = tasks_of(rows), refusals(rows)
        for letter in rows:
            letter.asked, letter.refusal = tasks.get(letter.pk), refused[letter.pk]

    def related_links(self, obj: DeadLetter) -> Iterable[tuple[str, str]]:
        """Return the way to its request and task, and to what else its group has sent."""
        task: FulfillmentTask | None = tasks_of([obj]).get(obj.pk)
        if task is not None:
            yield "Request", row_url("requests_resourcerequest", task.resource_request_id)
            yield "Task", row_url("requests_fulfillmenttask", task.pk)
        yield from super().related_links(obj)

    @admin.display(description="arrived", ordering="pk")
    def age(self, obj: DeadLetter) -> SafeString | str:
        """Return how long ago it was taken into the ledger."""
        return ago(obj.created_at)

    @admin.display(description="asks for")
    def asks_for(self, obj: Any) -> SafeString | str:
        """Return its task with its state, and its request; what it names itself when the ledger has none."""
        task: FulfillmentTask | None = obj.asked
        if task is None:
            return obj.job or "nothing of PAO"
        request = link(row_url("requests_resourcerequest", task.resource_request_id), task.resource_request.name)
        asked = link(row_url("requests_fulfillmenttask", task.pk), task)
        return request + SafeString(" · ") + asked + SafeString(" ") + state_badge(task.state)

    @admin.display(description="redrive")
    def outlook(self, obj: Any) -> SafeString:
        """Return whether a redrive would be taken now, else why not."""
        return telling(said(obj.refusal) or _GOES)


def _open_by_cause(tenant: str) -> list[dict[str, Any]]:
    """Return the open letters by cause, with words and sign, of the oldest `MOST_COUNTED`; one query."""
    counted = DeadLetter.objects.filter(pk__in=chosen(tenant).values("pk")[:MOST_COUNTED])
    rows = counted.order_by().values("cause").annotate(count=Count("pk")).order_by("-count", "cause")
    return [
        {
            "code": row["cause"],
            "count": row["count"],
            "badge": books.cause_badge(row["cause"]),
            "url": list_url(
                "queueops_deadletter", status__exact=DeadLetterStatus.OPEN.value, cause__exact=row["cause"]
            ),
        }
        for row in rows
    ]


def _ids(letters: QuerySet[DeadLetter]) -> list[str]:
    """Return the message ids of letters, one more than are done at once, so that it can be told that more are left."""
    return list(letters.values_list("message_id", flat=True)[:MOST_COUNTED])


def _several(deed: Deed) -> Several:
    return Several(
        deed=deed,
        address=reverse("admin:queueops_deadletter_several", args=[deed.verb]),
        back=list_url("queueops_deadletter", status__exact=DeadLetterStatus.OPEN.value),
        foresee=_foresee_redrive if deed is REDRIVE else _foresee_discard,
        act=_redrive_each if deed is REDRIVE else _discard_each,
    )


def _letters(keys: Sequence[str], by: Principal) -> list[DeadLetter]:
    if not all(key.isprintable() for key in keys):
        raise Http404
    return sorted(chosen(by.tenant, ids=list(keys) or [""]), key=lambda letter: (letter.group_id, letter.pk))


def _line(letter: DeadLetter, refused: str) -> Line:
    return Line(
        key=letter.message_id,
        name=letter.message_id,
        url=row_url("queueops_deadletter", letter.pk),
        told=f"{letter.get_cause_display()}. {letter.next_step}",
        refusal=refused,
    )


def _foresee_redrive(keys: Sequence[str], by: Principal) -> list[Line]:
    letters = _letters(keys, by)
    foreseen = refusals(letters)
    return [_line(letter, said(foreseen[letter.pk])) for letter in letters]


def _foresee_discard(keys: Sequence[str], by: Principal) -> list[Line]:
    return [_line(letter, _closed(letter)) for letter in _letters(keys, by)]


def _closed(letter: DeadLetter) -> str:
    try:
        dead_letters.must_be_open(letter)
    except Conflict as error:
        return said(error)
    return ""


def _redrive_each(keys: Sequence[str], by: Principal, reason: str) -> list[Line]:
    return [_line(done.letter, said(done.refusal)) for done in redrive_each(_letters(keys, by), by=by, reason=reason)]


def _discard_each(keys: Sequence[str], by: Principal, reason: str) -> list[Line]:
    return [_line(letter, _discarded(letter, by, reason)) for letter in _letters(keys, by)]


def _discarded(letter: DeadLetter, by: Principal, reason: str) -> str:
    try:
        dead_letters.discard(message_id=letter.message_id, by=by, reason=reason)
    except Conflict as error:
        return said(error)
    return ""


def _press(request: HttpRequest, letter: DeadLetter, verb: str, by: Principal) -> None:
    form = VerbForm(request.POST, needs_reason=True)
    if not form.is_valid():
        messages.error(request, f"Nothing was done: a reason is needed, of {LONGEST_REASON} characters at most.")
        return
    act = redrive if verb == REDRIVE.verb else dead_letters.discard
    try:
        act(message_id=letter.message_id, by=by, reason=form.cleaned_data["reason"])
    except Conflict as error:
        messages.error(request, refusal(error))
    else:
        messages.success(request, f"The dead letter is {DEEDS[verb].participle}.")
