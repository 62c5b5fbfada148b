"""All configuration on one page. Every value comes from the environment, is typed, and is refused by name when wrong.

docs/settings.md is the table of these, written by `./dev docs`.
"""

from datetime import timedelta
from pathlib import Path

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from pao import failpoints, settings_jira
from pao.api import description
from pao.environment import Environment
from pao.logs import logging_config

BASE_DIR = Path(__file__).resolve().parent.parent
env = Environment()

# --- What kind of process this is
DEBUG = env.boolean("DEBUG", False, "Development: readable errors, defaults for secrets. Never in production.")
SECRET_KEY = env.secret(
    "SECRET_KEY",
    "development-only-secret-key-that-no-production-start-accepts" if DEBUG else None,
    "Signs sessions and cursors. At least 50 random characters.",
)
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", ["127.0.0.1", "localhost"], "Host names under which PAO is reached.")
PAO_PUBLIC_URL = env.address(
    "PAO_PUBLIC_URL", "http://127.0.0.1:8000", "Where people reach PAO; written into tickets and answers."
).rstrip("/")
CSRF_TRUSTED_ORIGINS = [PAO_PUBLIC_URL]
PAO_AUTH = env.text(
    "PAO_AUTH",
    "session",
    "Who may come in: Django sessions, or the development mode (needs DEBUG and a loopback bind).",
    choices=("session", "dev"),
)
PAO_BIND = env.text("PAO_BIND", "127.0.0.1:8000", "Address on which the web process listens, host:port.")
PAO_BEHIND_TLS_PROXY = env.boolean(
    "PAO_BEHIND_TLS_PROXY", False, "A front that ends TLS sets X-Forwarded-Proto; only then is that header believed."
)
PAO_DATA_DIR = BASE_DIR / env.text(
    "PAO_DATA_DIR", ".pao", "Folder for the clone of the catalog repository; relative to the code, or absolute."
)
PAO_LOG_FORMAT = env.text("PAO_LOG_FORMAT", "json", "How log lines look.", choices=("json", "console"))
PAO_BUILD = env.text("PAO_BUILD", "development", "Build or commit, shown by /version.")
PAO_FAILPOINTS = env.text(
    "PAO_FAILPOINTS", "", "Named failpoints to arm, name=action;name=action. Refused unless DEBUG is on."
)

# --- The database
DATABASES = {"default": env.database("DATABASE_URL", None, "PostgreSQL, postgresql://user:password@host:port/name.")}
DATABASES["default"] |= {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True, "ATOMIC_REQUESTS": False}
DATABASES["default"].setdefault("OPTIONS", {})
DATABASES["default"]["OPTIONS"] |= {
    "connect_timeout": 5,
    # Planned once per connection: halves what the database spends on a task. A pooler between must keep sessions.
    "server_side_binding": True,
    "prepare_threshold": 2,
    "application_name": "pao",
    # What a frozen or vanished process holds is given back: its locks after a minute, its connection soon after.
    "options": "-c lock_timeout=10s -c idle_in_transaction_session_timeout=60s",
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- The queue
SQS_ENDPOINT_URL = env.address("SQS_ENDPOINT_URL", "", "Address of an SQS stand-in; empty means AWS itself.")
AWS_REGION = env.text("AWS_REGION", "eu-central-1", "Region of the queues.")
PAO_QUEUE_NAME = env.text("PAO_QUEUE_NAME", "pao-requests.fifo", "FIFO queue of task messages.")
PAO_DEAD_LETTER_QUEUE_NAME = env.text(
    "PAO_DEAD_LETTER_QUEUE_NAME", "pao-requests-dead.fifo", "FIFO queue for messages that no worker could take."
)
PAO_QUEUE_VISIBILITY_SECONDS = env.integer(
    "PAO_QUEUE_VISIBILITY_SECONDS",
    60,
    "How long a received message stays hidden unless its worker, alive, extends it.",
    least=1,
    most=43_200,
)
PAO_QUEUE_WAIT_SECONDS = env.integer("PAO_QUEUE_WAIT_SECONDS", 10, "How long one poll waits.", least=0, most=20)
PAO_QUEUE_MAX_RECEIVES = env.integer(
    "PAO_QUEUE_MAX_RECEIVES", 3, "Receives after which a message is a dead letter.", least=1, most=1000
)
PAO_WORKER_CONCURRENCY = env.integer("PAO_WORKER_CONCURRENCY", 4, "Tasks one worker does at once.", least=1, most=256)
PAO_WORKER_LIVENESS_FILE = env.text(
    "PAO_WORKER_LIVENESS_FILE", "", "File that a worker touches at every good poll, and a relay at every good round."
)

# --- Fulfilment
PAO_LEASE_SECONDS = env.integer(
    "PAO_LEASE_SECONDS", 60, "How long a worker owns a task; afterwards it counts as lost.", least=2, most=3600
)
PAO_TASK_SECONDS = env.integer(
    "PAO_TASK_SECONDS", 45, "Hard limit of one attempt; shorter than the lease.", least=1, most=3599
)
PAO_REAP_SECONDS = env.number(
    "PAO_REAP_SECONDS", 10, "How often the relay looks for what has stopped moving.", least=0.2, most=600
)
PAO_REPUBLISH_SECONDS = env.integer(
    "PAO_REPUBLISH_SECONDS",
    120,
    "Age at which a queued task without a message in the queue is sent again.",
    least=1,
    most=3600,
)
PAO_FORCE_MANUAL = env.boolean(
    "PAO_FORCE_MANUAL", False, "Every new request takes the manual path of its items: phase 1, or automation is down."
)

# --- How long things are kept
PAO_RETENTION_COMPLETED_DAYS = env.integer(
    "PAO_RETENTION_COMPLETED_DAYS", 90, "Days after which a completed request is removed.", least=1, most=36_500
)
PAO_RETENTION_OTHERS_DAYS = env.integer(
    "PAO_RETENTION_OTHERS_DAYS",
    180,
    "Days after its last change when a failed, aborted or escalated request is removed; its log warns 30 days before.",
    least=1,
    most=36_500,
)
PAO_RETENTION_RECORDS_DAYS = env.integer(
    "PAO_RETENTION_RECORDS_DAYS",
    90,
    "Days after which sync reports, sent messages of the outbox and decided dead letters are removed.",
    least=15,
    most=36_500,
)

# --- The outside
PAO_JIRA_URL = env.address("PAO_JIRA_URL", "", "Base address of JIRA; without it, jira-ticket actions fail.")
PAO_JIRA_API_VERSION = env.text(
    "PAO_JIRA_API_VERSION", "3", "3 for Cloud (ADF), 2 for Data Center (wiki text).", choices=("3", "2")
)
PAO_JIRA_USER = env.text(
    "PAO_JIRA_USER", "", "JIRA user of the API token; empty when the token is a personal access token."
)
PAO_JIRA_TOKEN = env.secret("PAO_JIRA_TOKEN", "", "JIRA API token or personal access token.")
PAO_JIRA_ISSUE_TYPE = env.text("PAO_JIRA_ISSUE_TYPE", "Task", "Issue type of tickets whose document names none.")
PAO_JIRA_INSTANCES = settings_jira.instances(env)
PAO_JIRA_DELIVERY_WORDS = settings_jira.words_of_delivery(
    "PAO_JIRA_DELIVERY_WORDS",
    env.words("PAO_JIRA_DELIVERY_WORDS", [], "What statuses and resolutions mean, such as `Won't Do=rejected`."),
)
PAO_JIRA_WEBHOOK_SECRETS = env.secrets(
    "PAO_JIRA_WEBHOOK_SECRETS",
    "Secrets of JIRA's webhooks, each good: the new and the old one while changing. Not set: no deliveries.",
)
PAO_ESCALATION_PROJECT = env.text(
    "PAO_ESCALATION_PROJECT", "", "Key of the JIRA project for escalations of items that name none; else refused."
)
PAO_ESCALATION_ISSUE_TYPE = env.text(
    "PAO_ESCALATION_ISSUE_TYPE", "", "Issue type of those tickets; empty means PAO_JIRA_ISSUE_TYPE."
)
PAO_REST_ALLOWED_TARGETS = env.addresses(
    "PAO_REST_ALLOWED_TARGETS", [], "URL prefixes that rest-api actions may call; empty means none."
)
PAO_GITHUB_URL = env.address(
    "PAO_GITHUB_URL", "https://api.github.com", "Address of GitHub's API; https://HOST/api/v3 on an Enterprise Server."
).rstrip("/")
PAO_GITHUB_TOKEN = env.secret("PAO_GITHUB_TOKEN", "", "Token that PAO signs in to GitHub with, unless as an App.")
PAO_GITHUB_APP_ID = env.text("PAO_GITHUB_APP_ID", "", "Id of the GitHub App that PAO signs in as, instead of a token.")
PAO_GITHUB_APP_INSTALLATION = env.text("PAO_GITHUB_APP_INSTALLATION", "", "Number of the App's installation.")
PAO_GITHUB_APP_KEY = env.secret("PAO_GITHUB_APP_KEY", "", "The App's private key, PEM; line breaks may be written \\n.")
PAO_GIT_REPOSITORIES = env.words("PAO_GIT_REPOSITORIES", [], "Repositories that may be changed, such as acme/*.")
PAO_GIT_MERGE_WAIT_SECONDS = env.integer(
    "PAO_GIT_MERGE_WAIT_SECONDS", 1_209_600, "Longest wait for a pull request to be merged.", least=60, most=31_536_000
)
PAO_HTTP_CONNECT_SECONDS = env.number(
    "PAO_HTTP_CONNECT_SECONDS", 5, "Longest wait for a connection.", least=0.1, most=60
)
PAO_HTTP_READ_SECONDS = env.number("PAO_HTTP_READ_SECONDS", 30, "Longest wait for an answer.", least=0.1, most=600)
PAO_HTTP_MAX_BYTES = env.integer(
    "PAO_HTTP_MAX_BYTES", 1_048_576, "Most bytes of an answer that are read.", least=1024, most=104_857_600
)
PAO_BREAKER_FAILURES = env.integer(
    "PAO_BREAKER_FAILURES", 5, "Failures in a row after which a destination counts as down.", least=1, most=1000
)
PAO_BREAKER_PAUSE_SECONDS = env.number(
    "PAO_BREAKER_PAUSE_SECONDS", 30, "First pause before one call tries what is down.", least=0.1, most=300
)
PAO_BREAKER_WAIT_SECONDS = env.number(
    "PAO_BREAKER_WAIT_SECONDS", 3600, "How long a task waits for what is down, at most.", least=1, most=604_800
)
PAO_SEALING_KEYS = env.keys(
    "PAO_SEALING_KEYS",
    ["cGFvLWRldmVsb3BtZW50LW9ubHktc2VhbGluZy1rZXk="] if DEBUG else [],
    "Fernet keys for password fields at rest; the first seals, all open. Needed as soon as a form has such a field.",
)

PAO_PLATFORM_ACCOUNT = env.text("PAO_PLATFORM_ACCOUNT", "", "`.system.platform.account` in templates.")
PAO_PLATFORM_ENVIRONMENT = env.text(
    "PAO_PLATFORM_ENVIRONMENT", "development" if DEBUG else "production", "`.system.platform.environment` in templates."
)
PAO_PLATFORM_API_KEY = env.secret("PAO_PLATFORM_API_KEY", "", "`.system.platform.apiKey` in templates; a secret.")
PAO_PLATFORM_API_KEY_TARGETS = env.addresses(
    "PAO_PLATFORM_API_KEY_TARGETS", [], "URL prefixes that this key may be sent to, in a header; empty means none."
)

# --- The catalog
PAO_CATALOG_REPOSITORY = env.text(
    "PAO_CATALOG_REPOSITORY", "", "Git address of the catalog: https, ssh or a local path."
)
PAO_CATALOG_REF = env.text("PAO_CATALOG_REF", "main", "Branch or tag of the catalog that is served.")
PAO_CATALOG_POLL_SECONDS = env.integer(
    "PAO_CATALOG_POLL_SECONDS",
    300,
    "How often a relay asks the repository whether its head has moved; 0 means never.",
    least=0,
    most=86_400,
)
PAO_GITHUB_WEBHOOK_SECRETS = env.secrets(
    "PAO_GITHUB_WEBHOOK_SECRETS",
    "Secrets of the GitHub webhook, each good: the new and the old one while changing. Not set: no deliveries.",
)

# --- Uploaded files
PAO_UPLOADS_DIR = BASE_DIR / (
    env.text(
        "PAO_UPLOADS_DIR",
        "",
        "Folder of uploaded files, one for all processes on all machines; empty means `uploads` below PAO_DATA_DIR.",
    )
    or PAO_DATA_DIR / "uploads"
)
PAO_UPLOAD_MAX_BYTES = env.integer(
    "PAO_UPLOAD_MAX_BYTES",
    10_485_760,
    "Most bytes of one uploaded file, whatever its field allows.",
    least=1024,
    most=1_073_741_824,
)
PAO_UPLOAD_MAX_WAITING = env.integer(
    "PAO_UPLOAD_MAX_WAITING", 20, "Most files of one person that no request uses yet.", least=1, most=1000
)
PAO_UPLOAD_MAX_WAITING_BYTES = env.integer(
    "PAO_UPLOAD_MAX_WAITING_BYTES",
    52_428_800,
    "Most bytes of one person's files that no request uses yet, and of the files of one form.",
    least=1024,
    most=10_737_418_240,
)

if PAO_UPLOAD_MAX_WAITING_BYTES < PAO_UPLOAD_MAX_BYTES:
    raise ImproperlyConfigured(
        "PAO_UPLOAD_MAX_WAITING_BYTES must not be less than PAO_UPLOAD_MAX_BYTES, or the largest files could not wait."
    )
if PAO_TASK_SECONDS >= PAO_LEASE_SECONDS:
    raise ImproperlyConfigured(
        "PAO_TASK_SECONDS must be less than PAO_LEASE_SECONDS, or a live task could be taken over."
    )
if not (PAO_QUEUE_NAME.endswith(".fifo") and PAO_DEAD_LETTER_QUEUE_NAME.endswith(".fifo")):
    raise ImproperlyConfigured(
        "PAO_QUEUE_NAME and PAO_DEAD_LETTER_QUEUE_NAME must end in .fifo: order needs FIFO queues."
    )
if PAO_FAILPOINTS and not DEBUG:
    raise ImproperlyConfigured(
        "PAO_FAILPOINTS is set without DEBUG: failpoints kill processes and belong in tests only."
    )
try:
    failpoints.parse(PAO_FAILPOINTS)
except ValueError as problem:
    raise ImproperlyConfigured(f"PAO_FAILPOINTS: {problem}") from None
if PAO_AUTH == "dev" and not DEBUG:
    raise ImproperlyConfigured("PAO_AUTH=dev needs DEBUG: the development mode lets anybody in.")

# --- Django
INSTALLED_APPS = [
    "pao",
    "pao.api",
    "pao.audit",
    "queueops",
    "catalog",
    "requests_app",
    "fulfillment",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_htmx",
    "csp",
]
MIDDLEWARE = [
    "pao.api.middleware.CorrelationIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "pao.api.middleware.ApiShapeMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
ROOT_URLCONF = "pao.urls"
WSGI_APPLICATION = "pao.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "catalog-list"
LOGOUT_REDIRECT_URL = "login"
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = BASE_DIR / "staticfiles"
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = DEBUG
if any(PAO_UPLOADS_DIR.resolve().is_relative_to(served.resolve()) for served in (STATIC_ROOT, *STATICFILES_DIRS)):
    raise ImproperlyConfigured("PAO_UPLOADS_DIR lies in a folder that is served: uploaded files are never pages (B25).")
STORAGES = {
    # Nothing uses it; what ever would by mistake must not land in a folder.
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    # Outside of what any server serves; read by requests_app.uploads alone.
    "uploads": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {
            "location": PAO_UPLOADS_DIR,
            "base_url": None,
            "file_permissions_mode": 0o600,
            "directory_permissions_mode": 0o700,
        },
    },
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_048_576
FILE_UPLOAD_HANDLERS = [
    "pao.api.multipart.BoundedUpload",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]
LOGGING = logging_config(PAO_LOG_FORMAT)
LOGGING_CONFIG = "pao.logs.configure"

# --- The API
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["pao.api.auth.DevelopmentUser", "pao.api.auth.SessionLogin"],
    "DEFAULT_PERMISSION_CLASSES": ["pao.api.permissions.IsSignedIn"],
    "DEFAULT_PARSER_CLASSES": ["pao.api.parsers.StrictJsonParser"],
    "DEFAULT_RENDERER_CLASSES": ["pao.api.envelope.EnvelopeRenderer"],
    "DEFAULT_SCHEMA_CLASS": "pao.api.schema.ManneredSchema",
    "EXCEPTION_HANDLER": "pao.api.errors.exception_handler",
    "URL_FORMAT_OVERRIDE": None,
}
SPECTACULAR_SETTINGS = description.SETTINGS

# --- Safe by default; relaxed only where development has no TLS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if PAO_BEHIND_TLS_PROXY else None
SECURE_SSL_REDIRECT = not DEBUG
SECURE_REDIRECT_EXEMPT = [r"^health", r"^version$"]
SECURE_HSTS_SECONDS = 0 if DEBUG else int(timedelta(days=365).total_seconds())
# Whether the hosts beside PAO's have TLS, and whether browsers should be told for ever, is not PAO's to decide.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEBUG
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = int(timedelta(hours=12).total_seconds())
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [SELF],
        "frame-ancestors": [NONE],
        "form-action": [SELF],
    }
}
