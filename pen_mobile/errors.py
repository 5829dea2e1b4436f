"""The small family of errors that a user can meet."""

from __future__ import annotations


def one_line(text: object, longest: int = 200) -> str:
    """Return what somebody else may have chosen, a name or a key, as printable ASCII on one line."""
    return ascii(str(text))[1:-1][:longest]


class PenMobileError(Exception):
    """Base of every error raised on purpose; ``exit_code`` is what the command line returns."""

    exit_code = 1


class BadInput(PenMobileError):
    """Something the caller gave cannot be used; the message names it and says what to do."""

    exit_code = 2


class Refused(PenMobileError):
    """The work was done, and its result is not good enough to be used; nothing was left behind or changed."""

    exit_code = 3


class StoreFull(BadInput):
    """A personal store with a quota has no room for this; what it kept before is safe."""


class BundleError(BadInput):
    """A bundle is damaged, incomplete, or of a version that this release does not understand."""
