"""Whether this PAO can perform an entry: all that its document asks for must be carried out here.

What is not yet carried out is checked all the same, and told as `not_supported`; an ignored wish would surprise.
"""

from catalog.domain.documents import Bundle, Document
from catalog.domain.schemas import Schemas

_BUT_NOT = "checked but not carried out by this version of PAO"


def why_not(document: Document, known: Schemas, *, force_manual: bool) -> str:
    """Return why an entry cannot be performed, for people, or nothing when it can; a bundle needs its items, too.

    Of an item the mode's actions decide, the manual ones when `force_manual` is set (PAO_FORCE_MANUAL).
    """
    if isinstance(document, Bundle):
        wishes = {"`onFailure: rollback`": document.on_failure == "rollback", "`parentTicket`": document.parent_ticket}
        asked = [wish for wish, is_there in wishes.items() if is_there]
        return f"Its {' and '.join(asked)} {'is' if len(asked) == 1 else 'are'} {_BUT_NOT}." if asked else ""
    is_manual = force_manual or document.mode == "manual"
    chosen = document.manual if is_manual else document.automatic
    lacking = sorted({action.type for action in chosen} - set(known.carried_out))
    if not lacking:
        return ""
    if len(lacking) == 1:
        return f"Its action type {lacking[0]} is {_BUT_NOT}."
    return f"Its action types {', '.join(lacking)} are {_BUT_NOT}."
