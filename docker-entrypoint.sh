#!/bin/sh
# The words of the image: web, worker, relay, manage COMMAND, healthy. Every long-running one first has the
# deployment settings checked, and does not start on an unsafe one.
set -eu

word="${1:-web}"
[ $# -gt 0 ] && shift

checked() {
    python manage.py check --deploy --fail-level WARNING >/dev/null
}

remember() {
    printf '%s\n' "$word" >"$PAO_DATA_DIR/process"
}

case "$word" in
    web)
        checked
        remember
        exec gunicorn --config python:pao.serving pao.wsgi --bind "$PAO_BIND" --workers "${PAO_WEB_WORKERS:-2}" --threads "${PAO_WEB_THREADS:-8}" \
            --graceful-timeout 30 --access-logfile - "$@"
        ;;
    worker)
        checked
        remember
        exec celery -A pao worker --loglevel INFO "$@"
        ;;
    relay)
        checked
        remember
        exec python manage.py relay "$@"
        ;;
    manage)
        exec python manage.py "$@"
        ;;
    healthy)
        exec python -m pao.alive
        ;;
    *)
        echo "$word: no such word; there are web, worker, relay, manage and healthy" >&2
        exit 2
        ;;
esac
