"""Secret settings: their type, and the functions that write settings with or without them.

A `Secret` is not a `str`. Code that dumps settings without regard to secrets (`repr`, f-strings, logs, JSON, pickle) shows
only that one is set, or fails. An intended dump uses `public`; a process of this run that needs the secrets gets them through
`to_child`.
"""

from __future__ import annotations

import hmac
from typing import Any, NoReturn, TypeVar

import msgspec

T = TypeVar("T")

HIDDEN = "***"
"""Shown for a secret that is set; an empty secret is shown as empty."""


class Secret:
    """A text that is hidden from dumps.

    >>> key = Secret("correct horse")
    >>> key, f"{key}", bool(key), key.reveal()
    (Secret('***'), '***', True, 'correct horse')
    >>> Secret()
    Secret('')
    """

    __slots__ = ("_text",)

    def __init__(self, text: str = "") -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself."""
        return self._text

    def __str__(self) -> str:
        return HIDDEN if self._text else ""

    def __repr__(self) -> str:
        return f"Secret({str(self)!r})"

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, _memo: Any) -> Secret:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret can't be pickled")


def public(value: Any) -> Any:
    """Settings as plain data with their secrets hidden: for the database, recordings, and other stored or shown data.

    >>> public({"key": Secret("correct horse"), "unset": Secret()})
    {'key': '***', 'unset': ''}
    """
    return msgspec.to_builtins(value, enc_hook=_hide)


def from_public(value: Any, kind: type[T]) -> T:
    """Reads the output of `public`; secrets are empty. Raises as `msgspec.convert`."""
    return msgspec.convert(value, kind, dec_hook=_forget)


def to_child(value: Any) -> bytes:
    """One line of JSON with all secrets, only for the pipe to a process of this run."""
    return msgspec.json.encode(value, enc_hook=_reveal) + b"\n"


def from_parent(line: bytes, kind: type[T]) -> T:
    """Reads the output of `to_child`."""
    return msgspec.json.decode(line, type=kind, dec_hook=_restore)


def _hide(value: Any) -> str:
    return str(_secret(value))


def _reveal(value: Any) -> str:
    return _secret(value).reveal()


def _forget(kind: type, _value: Any) -> Any:
    return _secret(kind())


def _restore(kind: type, value: Any) -> Any:
    return _secret(kind(value))


def _secret(value: Any) -> Secret:
    if not isinstance(value, Secret):
        raise NotImplementedError(f"a {type(value).__name__} among the settings")
    return value
