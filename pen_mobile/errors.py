"""The errors that this package raises on purpose."""

from __future__ import annotations


def one_line(text: object, longest: int = 200) -> str:
    """Return foreign text, such as a name in a file, as printable ASCII on one line.

    Args:
        text: what is shown.
        longest: number of characters that are kept.
    """
    return ascii(str(text))[1:-1][:longest]


class PenMobileError(Exception):
    """Base of every error raised on purpose; ``exit_code`` is what the command line returns."""

    exit_code = 1


class BadInput(PenMobileError):
    """An input cannot be used; the message names it and says what to do."""

    exit_code = 2


class Refused(PenMobileError):
    """The work was done, and its result is not good enough to be used; nothing was left behind or changed."""

    exit_code = 3


class StoreFull(BadInput):
    """A personal store with a quota has no room left; its contents are safe."""


class BundleError(BadInput):
    """A bundle is damaged, incomplete, or of a version that this release does not understand."""
