# One image for every process of PAO: docker run IMAGE web | worker | relay | manage COMMAND
FROM python:3.11-slim-bookworm AS build
WORKDIR /build
COPY requirements.lock .
RUN python -m venv /opt/pao/venv \
    && /opt/pao/venv/bin/pip install --no-cache-dir --require-hashes -r requirements.lock

FROM python:3.11-slim-bookworm
# git reads the catalog repository; ca-certificates and openssh-client reach it.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git ca-certificates openssh-client \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /var/lib/pao --create-home pao
ENV PATH=/opt/pao/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=pao.settings \
    PAO_BIND=0.0.0.0:8000 \
    PAO_DATA_DIR=/var/lib/pao \
    PAO_WORKER_LIVENESS_FILE=/var/lib/pao/worker-alive
WORKDIR /opt/pao/app
COPY manage.py docker-entrypoint.sh ./
COPY pao pao
COPY queueops queueops
COPY catalog catalog
COPY requests_app requests_app
COPY fulfillment fulfillment
COPY templates templates
COPY static static
# Static files need no database and no secrets; the values here never leave this line.
RUN SECRET_KEY=collect-static-only DATABASE_URL=postgresql://none@localhost/none \
    python manage.py collectstatic --no-input
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s CMD ["./docker-entrypoint.sh", "healthy"]
ENTRYPOINT ["./docker-entrypoint.sh"]
CMD ["web"]
