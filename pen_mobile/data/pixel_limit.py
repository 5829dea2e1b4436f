"""How many pixels an image or a video frame may have: more than a camera gives would fill the memory."""

from __future__ import annotations

from pen_mobile.errors import BadInput
from pen_mobile.utils.environment import positive_setting

MEGAPIXELS = "PEN_MOBILE_MAX_MEGAPIXELS"
"""Environment variable with the limit in millions of pixels, for those who have larger images."""

_DEFAULT = 100.0


def max_pixels() -> int:
    """Return the largest number of pixels that is decoded: 100 million unless the environment says otherwise.

    Raises:
        BadInput: the environment variable is not a positive number.
    """
    return int(positive_setting(MEGAPIXELS, _DEFAULT, "millions of pixels, such as 200") * 1e6)


def check_pixels(name: object, width: int, height: int) -> None:
    """Refuse what has too many pixels, before any is decoded.

    Args:
        name: file that the message names.
        width: pixels across.
        height: pixels down.

    Raises:
        BadInput: there are more than :func:`max_pixels`.
    """
    limit = max_pixels()
    if width * height > limit:
        raise BadInput(
            f"{name}: {width} x {height} pixels are more than {limit / 1e6:g} million; scale it down, or raise "
            f"{MEGAPIXELS}"
        )
