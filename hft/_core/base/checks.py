"""Checks arguments of constructors: whole numbers and decimals of any type, including NumPy scalars.

Every error is a `ValueError` of one line that names the argument, shows the value and states the allowed ones.
"""

from __future__ import annotations

import operator
from decimal import Decimal, InvalidOperation
from typing import Any

DAY_MS = 86_400_000
_SHOWN = 60
_DIGITS = 40
"""Most digits and decimals of a number: more is a typing mistake, and arithmetic on such a number may take forever."""


def shown(value: Any) -> str:
    """The value in a few characters, for an error; works for any object.

    >>> shown("x" * 100)[-10:], shown(10 ** 5000)
    ('xxxxxxx...', 'a whole number of 16610 bits')
    """
    try:
        text = str(value) if isinstance(value, Decimal) else repr(value)
    except ValueError:          # Python refuses to print an integer of more than 4,300 digits
        return f"a whole number of {value.bit_length()} bits" if isinstance(value, int) else f"a {type(value).__name__}"
    except Exception:
        return f"a {type(value).__name__}"
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


def plain(value: Any) -> Any:
    """A NumPy scalar as a Python object; any other value unchanged."""
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        found = value.item()
        return found if type(found) is not type(value) else float(found)
    return value


def whole(name: str, value: Any, least: int, most: int) -> int:
    """A whole number within its bounds.

    >>> whole("capacity", 0, 1, 64)
    Traceback (most recent call last):
    ValueError: capacity 0 must be a whole number from 1 to 64
    """
    value = plain(value)
    if not isinstance(value, bool):
        try:
            number = operator.index(value)
        except TypeError:
            pass
        else:
            if least <= number <= most:
                return number
    raise ValueError(f"{name} {shown(value)} must be a whole number from {least} to {most}")


def decimal(name: str, value: Any) -> Decimal:
    """A finite number, exact: decimal text, Decimal, int, or the printed digits of a float."""
    given, value = value, plain(value)
    try:
        if isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal)):
            raise ValueError
        number = Decimal(str(given) if isinstance(value, float) else value)     # a float32 prints fewer digits than a float
        if number.is_finite() and (not number or (abs(number.adjusted()) <= _DIGITS and _decimals(number) <= _DIGITS)):
            return number
    except (ValueError, InvalidOperation, ArithmeticError):
        pass
    raise ValueError(f"{name} {shown(value)} must be a finite number of at most {_DIGITS} digits") from None


def _decimals(number: Decimal) -> int:
    return -int(number.as_tuple().exponent)


def within(name: str, value: Any, least: Any, most: Any) -> Decimal:
    """A number from `least` to `most`.

    >>> within("threshold", 7, 0, 1)
    Traceback (most recent call last):
    ValueError: threshold 7 must be from 0 to 1
    """
    number = decimal(name, value)
    if not least <= number <= most:
        raise ValueError(f"{name} {shown(plain(value))} must be from {least} to {most}")
    return number


def above(name: str, value: Any, most: Any) -> Decimal:
    """A number above 0 up to `most`."""
    number = decimal(name, value)
    if not 0 < number <= most:
        raise ValueError(f"{name} {shown(plain(value))} must be above 0, at most {most}")
    return number


def nanoseconds(name: str, milliseconds: Any, least: Any, most: Any) -> int:
    """Milliseconds within bounds as nanoseconds."""
    return int(within(name, milliseconds, least, most) * 1_000_000)


def time_ns(name: str, value: Any, least: int = 0) -> int:
    """A time in nanoseconds since the epoch, below 2**62 (in the year 2116), so that a difference of two fits 64 bits.

    >>> time_ns("now_ns", 2 ** 62)
    Traceback (most recent call last):
    ValueError: now_ns 4611686018427387904 must be a whole number from 0 to 4611686018427387903
    """
    return whole(name, value, least, 2**62 - 1)


def power_of_two(name: str, value: Any, least: int, most: int) -> int:
    number = whole(name, value, least, most)
    if number & (number - 1):
        raise ValueError(f"{name} {number} must be a power of two from {least} to {most}")
    return number


def choice(name: str, value: Any, choices: Any) -> Any:
    """One of a few names."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name} {shown(value)} must be one of {', '.join(choices)}")
    return value
