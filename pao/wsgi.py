"""The WSGI entry point: `gunicorn pao.wsgi`."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pao.settings")
application = get_wsgi_application()
