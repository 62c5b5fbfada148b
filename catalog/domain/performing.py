"""Whether this PAO can perform an entry: every action type of its way of fulfilment must be carried out here."""

from catalog.domain.documents import Document, Item
from catalog.domain.schemas import Schemas


def why_not(document: Document, known: Schemas, *, force_manual: bool) -> str:
    """Return why an item cannot be performed, for people, or nothing when it can; a bundle depends on its items.

    The mode's actions decide, the manual ones when `force_manual` is set (PAO_FORCE_MANUAL).
    """
    if not isinstance(document, Item):
        return ""
    is_manual = force_manual or document.mode == "manual"
    chosen = document.manual if is_manual else document.automatic
    lacking = sorted({action.type for action in chosen} - set(known.carried_out))
    if not lacking:
        return ""
    if len(lacking) == 1:
        return f"Its action type {lacking[0]} is checked but not carried out by this version of PAO."
    return f"Its action types {', '.join(lacking)} are checked but not carried out by this version of PAO."
