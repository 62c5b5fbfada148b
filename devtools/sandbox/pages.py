"""The HTML of the sandbox's pages. Every text that came from outside goes through escape()."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from html import escape
from typing import Any

from devtools.sandbox import adf
from devtools.sandbox.faults import KINDS
from devtools.sandbox.jira_views import LINK_TYPES, STATUSES, TRANSITIONS
from devtools.sandbox.store import Store, Ticket
from pao.core import clock

CARDS_PER_COLUMN = 60
PRIORITY_GLYPHS = {"Highest": "▲▲", "Critical": "▲▲", "High": "▲", "Medium": "◆", "Low": "▼", "Lowest": "▼▼"}
STATUS_GLYPHS = {"To Do": "○", "In Progress": "◐", "Done": "✓", "Declined": "✗"}
COLUMNS = {"To Do": ("To Do",), "In Progress": ("In Progress",), "Done": ("Done", "Declined")}
CALLS = {
    "POST */rest/api/?/issue": "Create a ticket",
    "POST */rest/api/?/issueLink": "Link two tickets",
    "POST */rest/api/?/issue/*/remotelink": "Link to a ticket of another JIRA",
    "* */rest/api/?/search*": "Search tickets",
    "GET */rest/api/?/issue/*": "Read a ticket",
    "POST /platform/databases": "Create a database",
    "*": "Every call",
}
TIMES = {"1": "once", "3": "3 times", "": "until cleared"}
EFFECTS = {
    "create": "ticket created",
    "link": "link created",
    "transition": "status changed",
    "comment": "comment added",
    "remote-link": "remote link set",
}


def board(sites: Mapping[str, tuple[str, Store]], faults: list[dict[str, Any]], version: str) -> str:
    """Return the board page: the tickets of every JIRA in three columns, databases, the fault switch.

    `sites` has the name and the store of each JIRA by the path that it is served under.
    """
    databases = sites[""][1].databases()
    boards = "".join(_board(prefix, name, store) for prefix, (name, store) in sites.items())
    content = f"""
<h1>Board</h1>
<p class="lead">Plays JIRA and the Acme platform for PAO. Nothing here is real, nothing leaves this machine.</p>
{_banner(faults)}
{boards}
<section aria-labelledby="databases-title" id="live-databases" data-live>
<h2 id="databases-title">Databases of the Acme platform <span class="count">{len(databases)}</span></h2>
{_databases(databases)}
</section>
<section aria-labelledby="faults" class="box">
<h2 id="faults">Fault switch</h2>
<p>Make calls go wrong on purpose and watch what PAO does. Faults strike the REST interfaces only, never this page.</p>
<div id="live-faults" data-live>{_armed(faults)}</div>
{_fault_form()}
</section>"""
    return _document("Board", content, version)


def _board(prefix: str, name: str, store: Store) -> str:
    tickets = store.tickets()
    site = _site(prefix)
    columns = "".join(
        _column(prefix, store, title, [one for one in tickets if one.status in statuses])
        for title, statuses in COLUMNS.items()
    )
    return f"""<section aria-labelledby="site-{site}"><h2 id="site-{site}">{escape(name)}</h2>
<div id="live-board-{site}" class="board" data-live>{columns}</div></section>"""


def _site(prefix: str) -> str:
    """Return what makes ids of one JIRA differ from those of another on the same page."""
    return prefix.strip("/") or "cloud"


def ticket(prefix: str, store: Store, shown: Ticket, version: str) -> str:
    """Return the page of one ticket of the JIRA under a path."""
    kept = shown.fields
    facts = {
        "Status": _status(shown.status),
        "Priority": _priority(kept["priority"]),
        "Type": escape(kept["issuetype"]),
        "Project": escape(shown.project),
        "Created": _time(shown.created),
        "Updated": _time(shown.updated),
        **({"Assignee": escape(kept["assignee"])} if "assignee" in kept else {}),
        **({"Components": escape(", ".join(kept["components"]))} if kept["components"] else {}),
    }
    rows = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts.items())
    content = f"""
<p class="trail"><a href="/">Board</a> / {escape(shown.project)} / {escape(shown.key)}</p>
<div id="live-ticket" data-live>
<h1><span class="key">{escape(shown.key)}</span> {escape(kept["summary"])}</h1>
{_buttons(prefix, shown, "ticket")}
<dl class="facts box">{rows}</dl>
{_labels(shown.labels)}
<section class="box"><h2>Description</h2><div class="rich">{_rich(kept.get("description"))}</div></section>
<section class="box"><h2>Links</h2>{_links(prefix, store, shown) or '<p class="empty">No links.</p>'}</section>
{_comments(store.comments(shown))}
<section class="box"><h2>What happened</h2>{_history(store, shown)}</section>
</div>"""
    return _document(shown.key, content, version)


def missing(key: str) -> str:
    """Return the page for a ticket that does not exist."""
    content = f"""<h1>There is no ticket {escape(key)}</h1>
<p>It was never made, or the sandbox was reset. <a href="/">Go to the board</a>.</p>"""
    return _document("Not found", content)


def refused(reason: str) -> str:
    """Return the page for a form that was filled in wrongly."""
    content = f'<h1>The fault was not armed</h1><p>{escape(reason)}</p><p><a href="/#faults">Back to the board</a></p>'
    return _document("Not armed", content)


def _document(title: str, content: str, version: str = "") -> str:
    live = '<script src="/_sandbox/static/board.js" defer></script>\n' if version else ""
    live += '<noscript><meta http-equiv="refresh" content="5"></noscript>' if version else ""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)} · Sandbox JIRA</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/_sandbox/static/board.css">
{live}
</head>
<body data-version="{version}">
<a class="skip" href="#main">Skip to content</a>
<header class="top"><nav aria-label="Sandbox">
<a class="brand" href="/">Sandbox JIRA</a><span class="tag">development only</span>
<a href="/#faults">Fault switch</a><a href="/_sandbox/ledger">Ledger</a>
</nav></header>
<main id="main">{content}
</main>
</body>
</html>
"""


def _column(prefix: str, store: Store, status: str, tickets: list[Ticket]) -> str:
    newest = tickets[::-1][:CARDS_PER_COLUMN]
    cards = "".join(_card(prefix, store, one) for one in newest)
    hidden = len(tickets) - len(newest)
    more = f'<p class="empty">{hidden} older tickets are not shown.</p>' if hidden else ""
    if not tickets:
        cards = f'<p class="empty">{_EMPTY[status]}</p>'
    name = status.replace(" ", "-").lower()
    glyph = f'<span aria-hidden="true">{STATUS_GLYPHS[status]}</span>'
    title = f"column-{_site(prefix)}-{name}"
    return f"""<section class="column column-{name}" aria-labelledby="{title}">
<h3 id="{title}">{glyph} {status} <span class="count">{len(tickets)}</span></h3>
{cards}{more}</section>"""


_EMPTY = {
    "To Do": "No tickets yet. Submit a request in PAO and its tickets appear here.",
    "In Progress": "Start a ticket on the left to play the platform team.",
    "Done": "Nothing is done yet.",
}


def _card(prefix: str, store: Store, shown: Ticket) -> str:
    key, number = escape(shown.key), f"{_site(prefix)}-{shown.id}"
    return f"""<article class="card" aria-labelledby="title-{number}">
<p class="row"><a class="key" href="{prefix}/browse/{key}">{key}</a>{_priority(shown.fields["priority"])}</p>
<h4 id="title-{number}">{escape(shown.fields["summary"])}</h4>
{_links(prefix, store, shown)}{_labels(shown.labels)}{_folded_description(prefix, shown)}
<div class="row"><span class="muted">{escape(shown.project)} · {_time(shown.created)}</span>
{_declined(shown)}{_buttons(prefix, shown, "board")}</div>
</article>"""


def _declined(shown: Ticket) -> str:
    return _status(shown.status) if shown.status == "Declined" else ""


def _folded_description(prefix: str, shown: Ticket) -> str:
    kept = shown.fields.get("description")
    if not kept:
        return ""
    return f"""<details id="text-{_site(prefix)}-{shown.id}">
<summary>Description<span class="unseen"> of {escape(shown.key)}</span></summary>
<div class="rich">{_rich(kept)}</div></details>"""


def _labels(labels: Iterable[str]) -> str:
    items = "".join(f"<li>{escape(label)}</li>" for label in labels)
    return f'<ul class="labels" aria-label="Labels">{items}</ul>' if items else ""


def _links(prefix: str, store: Store, shown: Ticket) -> str:
    items = []
    for link in store.links(shown):
        _, inward, outward = LINK_TYPES[link.type]
        label, other = (outward, link.outward) if link.inward == shown.id else (inward, link.inward)
        found = store.ticket(str(other))
        if found is not None:
            key = escape(found.key)
            state = f'<span class="muted">{STATUS_GLYPHS[found.status]} {found.status}</span>'
            items.append(f'<li>{label} <a href="{prefix}/browse/{key}">{key}</a> {state}</li>')
    for remote in store.remote_links(shown):
        target = remote["object"]
        label = escape(str(remote.get("relationship") or "links to"))
        items.append(
            f'<li>{label} <a href="{escape(_web(target["url"]))}">{escape(target["title"])}</a> elsewhere</li>'
        )
    return f'<ul class="links" aria-label="Links">{"".join(items)}</ul>' if items else ""


def _badge(kind: str, glyph: str, word: str) -> str:
    return f'<span class="{kind}"><span aria-hidden="true">{glyph}</span> {word}</span>'


def _priority(name: str) -> str:
    return _badge(f"priority priority-{name.lower()}", PRIORITY_GLYPHS[name], name)


def _status(name: str) -> str:
    return _badge(f"status status-{STATUSES[name]['id']}", STATUS_GLYPHS[name], name)


def _web(address: str) -> str:
    """Return an address that a browser may open, or one that leads nowhere."""
    return address if address.startswith(("https://", "http://")) else "#"


def _buttons(prefix: str, shown: Ticket, back: str) -> str:
    key, number = escape(shown.key), f"{_site(prefix)}-{shown.id}"
    return "".join(
        f"""<form method="post" action="/_sandbox/board/transition">
<input type="hidden" name="key" value="{key}"><input type="hidden" name="back" value="{back}">
<input type="hidden" name="site" value="{prefix}">
<button id="move-{number}-{identifier}" name="transition" value="{identifier}">{name}
<span class="unseen"> on {key}</span></button>
</form>"""
        for identifier, name, _ in TRANSITIONS[shown.status]
    )


def _rich(kept: Any) -> str:
    if not kept:
        return '<p class="empty">No text.</p>'
    return adf.to_html(kept) if isinstance(kept, dict) else f'<p class="plain">{escape(kept)}</p>'


def _comments(comments: list[dict[str, Any]]) -> str:
    items = "".join(
        f'<div class="rich"><p class="muted">{_time(one["created"])}</p>{_rich(one["body"])}</div>' for one in comments
    )
    return f'<section class="box"><h2>Comments</h2>{items}</section>' if items else ""


def _history(store: Store, shown: Ticket) -> str:
    lines = [line for line in store.ledger() if shown.key in line["target"].split(" -> ")]
    items = []
    for line in lines:
        correlation = line["correlation_id"]
        trace = f' <span class="muted">correlation <code>{escape(correlation)}</code></span>' if correlation else ""
        what = EFFECTS[line["effect"]] + (
            f": {escape(line['target'].replace('->', '→'))}" if line["effect"] == "link" else ""
        )
        items.append(f"<li>{_time(datetime.fromisoformat(line['time']).timestamp())} {what}{trace}</li>")
    return f'<ol class="history">{"".join(items)}</ol>'


def _databases(databases: list[dict[str, Any]]) -> str:
    if not databases:
        return '<p class="empty">None yet. An item with a rest-api action makes one by POST /platform/databases.</p>'
    rows = "".join(
        f"""<tr><th scope="row">{escape(one["answer"]["instanceName"])}</th><td><code>{one["id"]}</code></td>
<td><code>{escape(one["answer"]["connection"]["url"])}</code></td><td>{_time(one["created"])}</td></tr>"""
        for one in databases[::-1][:CARDS_PER_COLUMN]
    )
    heads = "".join(f'<th scope="col">{name}</th>' for name in ("Name", "Id", "Connection", "Made"))
    return f"""<div class="scroll" tabindex="0" role="region" aria-label="Databases"><table>
<thead><tr>{heads}</tr></thead>
<tbody>{rows}</tbody></table></div>"""


def _banner(faults: list[dict[str, Any]]) -> str:
    text = f"""<p class="warning"><strong>Armed faults: {len(faults)}.</strong> Calls go wrong on purpose.
<a href="#faults">See the fault switch</a></p>"""
    return f'<div id="live-banner" data-live>{text if faults else ""}</div>'


def _armed(faults: list[dict[str, Any]]) -> str:
    if not faults:
        return '<p class="ok"><span aria-hidden="true">✓</span> No fault is armed: every call is answered properly.</p>'
    items = "".join(_armed_one(fault) for fault in faults)
    everything = '<form method="post" action="/_sandbox/board/disarm"><button id="clear-all">Clear all</button></form>'
    return f'<ul class="faults">{items}</ul>{everything}'


def _armed_one(fault: dict[str, Any]) -> str:
    number, kind = fault["id"], fault["fault"]
    facts = [f"{kind}: {KINDS[kind]}", "until cleared" if fault["times"] is None else f"{fault['times']} left"]
    facts += [f"{fault['seconds']:g} s"] if kind in {"delay", "lag", "429"} else []
    facts += [f"probability {fault['probability']:g}"] if fault["probability"] < 1 else []
    return f"""<li><span>{CALLS.get(fault["match"], "")} <code>{escape(fault["match"])}</code><br>
{" · ".join(facts)}</span>
<form method="post" action="/_sandbox/board/disarm">
<button id="clear-{number}" name="id" value="{number}">Clear<span class="unseen"> fault {number}</span></button>
</form></li>"""


def _fault_form() -> str:
    kinds = {kind: f"{kind}: {words}" for kind, words in KINDS.items()}
    return f"""<form method="post" action="/_sandbox/board/arm" class="arm">
<label>When PAO wants to <select name="match">{_options(CALLS)}</select></label>
<label>the call is <select name="fault">{_options(kinds)}</select></label>
<label>how often <select name="times">{_options(TIMES)}</select></label>
<label>seconds (delay, lag, 429) <input type="number" name="seconds" value="5" min="0" max="3600" step="any"></label>
<button class="primary">Arm</button></form>"""


def _options(choices: Mapping[str, str]) -> str:
    return "".join(f'<option value="{escape(value)}">{escape(text)}</option>' for value, text in choices.items())


def _time(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds, UTC)
    age = max(0, int((clock.now() - moment).total_seconds()))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if age >= size:
            words = f"{age // size} {unit} ago"
            break
    else:
        words = "just now"
    exact = moment.strftime("%Y-%m-%d %H:%M:%S UTC")
    return f'<time datetime="{moment.isoformat(timespec="seconds")}" title="{exact}">{words}</time>'
