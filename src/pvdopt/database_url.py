"""What the URL of a ledger in PostgreSQL may hold, told without repeating any of it. Opens no database.

The URL is copied into campaign files, ledgers and messages, so it must hold no secret; what it must not hold is
therefore not listed, but what it may.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

#: PostgreSQL cuts longer names off, and two campaigns would share one schema.
MAX_SCHEMA = 63
_SCHEMA = re.compile(rf"[A-Za-z0-9_-]{{1,{MAX_SCHEMA}}}")
_SCHEME = re.compile(r"postgresql(\+psycopg)?://")
#: What may stand behind the ?: the schema is ours, the rest are words of libpq's that hold no secret and that
#: a session of ours does not set itself (https://www.postgresql.org/docs/current/libpq-connect.html, 34.1.2).
QUERY_KEYS = (
    "schema",
    "application_name",
    "channel_binding",
    "connect_timeout",
    "gssencmode",
    "host",
    "hostaddr",
    "krbsrvname",
    "load_balance_hosts",
    "port",
    "require_auth",
    "requirepeer",
    "service",
    "sslcert",
    "sslcrl",
    "sslkey",
    "sslmode",
    "sslnegotiation",
    "sslrootcert",
    "ssl_min_protocol_version",
    "target_session_attrs",
    "user",
)
#: As SQLAlchemy takes a URL apart, but for what would be a password there.
_PARTS = re.compile(
    r"(?:(?P<user>[^:/?#@\s]*)@)?(?P<host>\[[0-9A-Fa-f:.%]+\]|[^:/?#@\[\]\s]*)(?::(?P<port>[0-9]{1,5}))?"
    r"(?:/(?P<database>[^/?#@\s]*))?(?:\?(?P<query>[^@]*))?"
)
_FORM = "postgresql+psycopg://USER@HOST:PORT/DATABASE"


def has_password(text: str) -> bool:
    """Whether a password stands before the host of a URL; one with odd signs in it counts too."""
    before, at, _ = text.partition("://")[2].rpartition("@")
    return bool(at) and ":" in before


def find_url_fault(text: str) -> str | None:
    """Return what a URL of a ledger must fulfil and does not, or None; nothing of the URL is in it.

    Examples
    --------
    >>> find_url_fault("postgresql://anna@labdb/pvd?sslmode=require")
    >>> find_url_fault("postgresql://anna@labdb:port/pvd")
    'must read postgresql+psycopg://USER@HOST:PORT/DATABASE, the port a number up to 65535'
    """
    if not _SCHEME.match(text):
        return "must be the URL of a PostgreSQL database: postgresql+psycopg://HOST/DATABASE"
    if has_password(text):
        return "must hold no password: it would be copied with the file. Set PGPASSWORD or write ~/.pgpass"
    found = _PARTS.fullmatch(text.partition("://")[2])
    if found is None or int(found["port"] or 0) > 65535:
        return f"must read {_FORM}, the port a number up to 65535"
    if not found["database"]:
        return "must name a database: postgresql+psycopg://HOST/DATABASE"
    return _find_query_fault(found["query"] or "")


def _find_query_fault(query: str) -> str | None:
    pairs = parse_qsl(query, keep_blank_values=True)
    keys = [key for key, _ in pairs]
    # Spelled otherwise (a blank, capitals) a key may still be understood further down.
    words = " ".join(keys).lower()
    if "pass" in words or "secret" in words:
        return "must hold no password: it would be copied with the file. Set PGPASSWORD or write ~/.pgpass"
    if not set(keys) <= set(QUERY_KEYS):
        # The key is not repeated either: behind a ? may stand the end of a password.
        return f"may hold behind its ? nothing but {', '.join(QUERY_KEYS)}, each spelled like that"
    schemas = [value for key, value in pairs if key == "schema"]
    if len(schemas) > 1 or not all(_SCHEMA.fullmatch(name) for name in schemas):
        return f"must name one schema at most, by letters, digits, _ and - alone, {MAX_SCHEMA} at most"
    return None
