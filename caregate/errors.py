"""The one root of every error that Caregate raises on purpose.

Subclasses live beside what raises them. A message says what is wrong, where, and what to do about it; it never
holds a value of a patient's record. The command line maps ``exit_code`` to the process's exit status and the scoring
API maps ``status`` and ``title`` to a problem document (RFC 9457).
"""

from __future__ import annotations

from typing import ClassVar


class CaregateError(Exception):
    """A fault that Caregate can name: exit code 3, HTTP status 500."""

    exit_code: ClassVar[int] = 3
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Fault"


class BadInput(CaregateError):
    """What was handed in cannot be used: exit code 2, HTTP status 422."""

    exit_code: ClassVar[int] = 2
    status: ClassVar[int] = 422
    title: ClassVar[str] = "Bad input"


class Refused(CaregateError):
    """A gate failed or a rule forbids the act: exit code 1, HTTP status 403."""

    exit_code: ClassVar[int] = 1
    status: ClassVar[int] = 403
    title: ClassVar[str] = "Refused"


class NotFound(BadInput):
    """The named thing does not exist: exit code 2, HTTP status 404."""

    status: ClassVar[int] = 404
    title: ClassVar[str] = "Not found"
