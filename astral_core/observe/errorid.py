"""Error ids: short enough to be read aloud, the same for the user, the log and the inbox."""

from __future__ import annotations

import secrets

ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # no 0/O, 1/I/L, U: they are misread


def new_error_id() -> str:
    """A new id such as "K7QM-2XWT"."""
    letters = "".join(secrets.choice(ALPHABET) for _ in range(8))
    return f"{letters[:4]}-{letters[4:]}"
