"""The form of a connection to an engine: its fields, in the shape of Airflow's metadata. Imports nothing."""

from __future__ import annotations

from typing import Any, Final

#: How an engine is spoken to; the first is what a connection that does not say gets.
DIALECTS: Final = ("auto", "rest", "trpc")
#: Seconds without a byte, and to connect, after which a call counts as failed.
DEFAULT_TIMEOUT: Final = 30.0
DEFAULT_CONNECT_TIMEOUT: Final = 10.0

#: What is kept in the connection's extra, by name (``conn-fields`` of a provider's metadata).
FIELDS: Final[dict[str, dict[str, Any]]] = {
    "dialect": {
        "label": "Dialect",
        "description": "How the engine is spoken to; auto asks it once.",
        "schema": {"type": "string", "enum": list(DIALECTS), "default": DIALECTS[0]},
    },
    "project": {
        "label": "Project id",
        "description": (
            "Batch jobs, new chats, uploads and searches that name no project belong to this one."
        ),
        "schema": {"type": ["string", "null"]},
    },
    "timeout": {
        "label": "Timeout (seconds)",
        "description": "How long the engine may stay silent before a call counts as failed.",
        "schema": {"type": ["number", "null"], "minimum": 1, "default": int(DEFAULT_TIMEOUT)},
    },
    "connect_timeout": {
        "label": "Connect timeout (seconds)",
        "description": "How long a connection may take to open; never longer than the timeout.",
        "schema": {"type": ["number", "null"], "minimum": 1, "default": int(DEFAULT_CONNECT_TIMEOUT)},
    },
    "calls_a_minute": {
        "label": "Rate budget (calls a minute)",
        "description": (
            "The most calls a minute that one task, or one triggerer, sends. Empty: 80 % of a deployed "
            "engine's limit, and no bound on another."
        ),
        "schema": {"type": ["integer", "null"], "minimum": 1},
    },
    "verify": {
        "label": "Verify the TLS certificate",
        "description": "Switched off, anybody between Airflow and the engine can read the key.",
        "schema": {"type": "boolean", "default": True},
    },
    "ca": {
        "label": "CA certificate",
        "description": (
            "Trusted beside the usual authorities: the path of a bundle on the machine that runs the task, "
            "or the certificates themselves (-----BEGIN CERTIFICATE-----)."
        ),
        "schema": {"type": ["string", "null"], "format": "multiline"},
    },
    "worker_url": {
        "label": "Worker URL",
        "description": "A second server, asked for images and PDFs before the engine is. Empty: none.",
        "schema": {"type": ["string", "null"], "format": "url"},
    },
    "namespace": {
        "label": "Namespace",
        "description": (
            "Tells two Airflow deployments that share an engine apart. Empty: that of the [artificer] "
            "section. A run that is under way when this is changed no longer finds its jobs."
        ),
        "schema": {"type": ["string", "null"]},
    },
}

#: What becomes of Airflow's own fields (``ui-field-behaviour``).
BEHAVIOUR: Final[dict[str, Any]] = {
    # The port has a field: Airflow 3.3.2 tests no connection that has none (apache/airflow#73298).
    "hidden-fields": ["login", "schema", "extra"],
    "relabeling": {"host": "Base URL", "password": "API key"},
    "placeholders": {
        "host": "https://engine.example.com",
        "port": "443",
        "password": "sk_…",
        "ca": "/etc/ssl/certs/our-authority.pem",
        "worker_url": "https://worker.example.com",
    },
}
