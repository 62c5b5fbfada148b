"""What an error of the database says about the database itself."""

from django.db import InterfaceError, InternalError, OperationalError

# It cannot be reached, or takes no writes now: nothing is wrong with what was asked, and later it will be done (F68).
# InternalError is what a read-only server answers, and a session that the server ended because it stood still.
AWAY = (OperationalError, InterfaceError, InternalError)
