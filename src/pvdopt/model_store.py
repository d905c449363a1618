"""Fitted models kept between commands: a cache that may be deleted at any time.

A file of this kind runs code when it is read. So it is read only if this machine wrote it: each starts with a keyed
hash (HMAC-SHA-256) of its name and content, the key lies outside the campaign's folder, and anything else is treated
as absent. Knows files and objects, no model.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import pickle
import secrets
import sys
from pathlib import Path

#: Where the key and nothing else lies; ``PVDOPT_HOME`` names another folder.
HOME = "PVDOPT_HOME"
_KEY_FILE = "model_key"
_KEY_BYTES = 32
_MAGIC = b"pvdopt model 1\n"
#: Models kept; older ones are deleted.
N_KEPT = 8


class ModelStore:
    """Models of one campaign, by fingerprint.

    Parameters
    ----------
    folder : path
        Made when something is first kept.
    home : path, optional
        Folder of this machine's key.
    """

    def __init__(self, folder: str | Path, home: str | Path | None = None) -> None:
        self.folder = Path(folder)
        self._home = Path(home) if home is not None else key_folder()

    def path(self, fingerprint: str) -> Path:
        """Return the file of a model."""
        return self.folder / f"{fingerprint}.model"

    def load(self, fingerprint: str) -> object | None:
        """Return a model, or None where there is none that this machine wrote."""
        key = _read_key(self._home)
        if key is None:
            return None
        try:
            content = self.path(fingerprint).read_bytes()
        except OSError:
            return None
        head = len(_MAGIC) + hashlib.sha256().digest_size
        magic, stated, payload = content[: len(_MAGIC)], content[len(_MAGIC) : head], content[head:]
        if magic != _MAGIC or not hmac.compare_digest(stated, _sign(key, fingerprint, payload)):
            return None
        try:
            model: object = pickle.loads(payload)
        except (pickle.UnpicklingError, AttributeError, ImportError, EOFError, TypeError, ValueError):
            # Written by another version of what the model is made of.
            return None
        return model

    def save(self, fingerprint: str, model: object) -> bool:
        """Keep a model, and drop the oldest ones; return whether that was possible.

        A cache that cannot be written costs time and nothing else, so that is no error.
        """
        from joblib import wrap_non_picklable_objects

        key = _read_key(self._home) or _make_key(self._home)
        if key is None:
            return False
        # Wrapped, since priors and constraints are made of functions that have no name to be found by.
        payload = pickle.dumps(wrap_non_picklable_objects(model, keep_wrapper=False))
        path = self.path(fingerprint)
        aside = path.with_name(f".{path.name}.{os.getpid()}.aside")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            aside.write_bytes(_MAGIC + _sign(key, fingerprint, payload) + payload)
            aside.replace(path)
        except OSError:
            with contextlib.suppress(OSError):
                aside.unlink()
            return False
        self._drop_oldest()
        return True

    def _drop_oldest(self) -> None:
        with contextlib.suppress(OSError):
            kept = sorted(self.folder.glob("*.model"), key=lambda path: path.stat().st_mtime)
            for path in kept[:-N_KEPT]:
                path.unlink()


def _sign(key: bytes, fingerprint: str, payload: bytes) -> bytes:
    """Return the keyed hash of name and content, so that no file can stand in for another."""
    return hmac.new(key, fingerprint.encode() + b"\0" + payload, hashlib.sha256).digest()


def key_folder() -> Path:
    """Return the folder of this machine's key: ``PVDOPT_HOME``, else the user's folder for data of programs."""
    if named := os.environ.get(HOME):
        return Path(named)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "pvdopt"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "pvdopt"


def _read_key(home: Path) -> bytes | None:
    try:
        key = (home / _KEY_FILE).read_bytes()
    except OSError:
        return None
    return key if len(key) == _KEY_BYTES else None


def _make_key(home: Path) -> bytes | None:
    """Make the key, readable to its owner alone; whoever comes second takes what the first one made."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        aside = home / f".{_KEY_FILE}.{os.getpid()}.aside"
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(secrets.token_bytes(_KEY_BYTES))
        aside.replace(home / _KEY_FILE)
    except OSError:
        return None
    return _read_key(home)
