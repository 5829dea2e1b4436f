"""Which files are videos: by suffix, else by content. The decoder is loaded only where a file must be looked into."""

from __future__ import annotations

from pathlib import Path

from pen_mobile.data.images import IMAGE_SUFFIXES
from pen_mobile.errors import BadInput

_CONTAINERS = (
    "mp4 m4v mov qt 3gp 3g2 avi divx mkv webm mpg mpeg mpe m1v m2v vob ts mts m2ts m2t tod mod wmv asf flv f4v ogv ogm "
    "mxf dv rm rmvb nut y4m ivf 264 h264 265 h265 hevc mjpeg"
)
VIDEO_SUFFIXES = frozenset(f".{name}" for name in _CONTAINERS.split())
"""Suffixes, in lower case, of files that are taken for videos."""

_TEXT_FORMATS = {"tty"}  # libav shows a text file as a video of a terminal


def is_video(path: Path) -> bool:
    """Tell whether a file is taken for a video: by its suffix in whatever case, else by its content.

    Args:
        path: the file; it need not exist.
    """
    suffix = path.suffix.lower()
    if suffix in VIDEO_SUFFIXES or suffix in IMAGE_SUFFIXES or not path.is_file():
        return suffix in VIDEO_SUFFIXES and not path.is_dir()
    from pen_mobile.data.readers.stream import opened

    try:
        with opened(path) as (container, _):
            return container.format.name not in _TEXT_FORMATS
    except BadInput:
        return False
