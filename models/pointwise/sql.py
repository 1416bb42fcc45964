"""What SQL's operations give where Python's differ; the compiled rows call these."""

from __future__ import annotations

from math import copysign, floor, inf, isnan, nan
from typing import Any

from caregate.errors import BadInput

NAMES = ("divide", "floor_divide", "whole", "fit", "equal", "less", "greatest", "least", "both", "either")


class OutOfRange(BadInput):
    """A number does not fit into the type that the expression casts it to."""

    def __init__(self, bits: int) -> None:
        super().__init__(f"a number of the record does not fit into {bits} bits, which its feature has")


def divide(left: float, right: float) -> float:
    """Divide as floating numbers do: by zero it gives an infinity or NaN."""
    left, right = left + 0.0, right + 0.0
    if right:
        return left / right
    return nan if isnan(left) or not left else copysign(inf, left) * copysign(1.0, right)


def floor_divide(left: float, right: float) -> int:
    """Divide as floating numbers do, then take the whole number below."""
    return fit(floor_of(divide(left, right)), 64)


def floor_of(number: float) -> int:
    """Return the whole number below."""
    try:
        return floor(number)
    except (OverflowError, ValueError):
        raise OutOfRange(64) from None


def whole(number: float, bits: int) -> int:
    """Return the nearest whole number, the even one of two, if it fits into `bits`."""
    try:
        return fit(round(number), bits)
    except (OverflowError, ValueError):
        raise OutOfRange(bits) from None


def fit(number: int, bits: int) -> int:
    """Return `number` if it fits into `bits`."""
    if not -(1 << bits - 1) <= number < 1 << bits - 1:
        raise OutOfRange(bits)
    return number


def equal(left: float, right: float) -> bool:
    """Compare floating numbers; NaN is equal to itself."""
    return left == right or (left != left and right != right)  # noqa: PLR0124 (NaN alone differs from itself)


def less(left: float, right: float) -> bool:
    """Order floating numbers; NaN is the greatest."""
    return left < right or (right != right and left == left)  # noqa: PLR0124


def greatest(*values: Any) -> Any:
    """Return the greatest of those that are not null; of floating numbers NaN."""
    found = None
    for value in values:
        if value is not None and (found is None or less(found, value)):
            found = value
    return found


def least(*values: Any) -> Any:
    """Return the least of those that are not null."""
    found = None
    for value in values:
        if value is not None and (found is None or less(value, found)):
            found = value
    return found


def both(left: bool | None, right: bool | None) -> bool | None:
    """And, where null is not known."""
    if left is None or right is None:
        return False if (left is not None and not left) or (right is not None and not right) else None
    return bool(left and right)


def either(left: bool | None, right: bool | None) -> bool | None:
    """Or, where null is not known."""
    if left is None or right is None:
        return True if left or right else None
    return bool(left or right)
