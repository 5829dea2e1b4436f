"""Where BlazeFace's weights come from, without a network: the sources are stood in for, the hashes are real."""

from __future__ import annotations

import hashlib
import socket
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from pen_mobile.data.detectors import choice, model_file
from pen_mobile.data.detectors.model_file import FACE_MODEL, model_at_hand, resolve_model, resolve_model_quickly
from pen_mobile.errors import BadInput

WEIGHTS = b"weights that everybody knows"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, no named file, and one set of weights whose hash is known."""
    folder = tmp_path / "cache"
    monkeypatch.setattr(model_file, "cache_folder", lambda: folder)
    monkeypatch.setattr(model_file, "_KNOWN", {hashlib.sha256(WEIGHTS).hexdigest(): "test"})
    monkeypatch.delenv(FACE_MODEL, raising=False)
    return folder


def storage(monkeypatch: pytest.MonkeyPatch, content: bytes | None, folder: Path) -> None:
    """Let the model storage hand out a file, or be out of reach."""
    path = folder / "storage.tflite"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setattr(model_file, "URL", path.as_uri())


def index(monkeypatch: pytest.MonkeyPatch, content: bytes | None) -> None:
    """Let pip download a wheel with this file inside, or fail as it does offline."""

    def download(command: list[str], **_: object) -> None:
        if content is None:
            raise subprocess.CalledProcessError(1, command, stderr=b"WARNING: retrying\nERROR: no index\n")
        folder = Path(command[command.index("--dest") + 1])
        with zipfile.ZipFile(folder / "mediapipe-0.10.21-cp311-none-any.whl", "w") as wheel:
            wheel.writestr("mediapipe/modules/face_detection/face_detection_short_range.tflite", content)

    monkeypatch.setattr(subprocess, "run", download)


def test_a_named_file_is_taken_before_anything_else(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, other = tmp_path / "mine.tflite", tmp_path / "other.tflite"
    mine.write_bytes(b"my own")
    other.write_bytes(b"another")
    monkeypatch.setenv(FACE_MODEL, str(other))
    assert resolve_model(mine) == mine
    assert resolve_model() == other
    with pytest.raises(BadInput, match=r"gone\.tflite: no such face model"):
        resolve_model(tmp_path / "gone.tflite")


def test_what_is_at_hand_is_taken_without_asking_anybody(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage(monkeypatch, WEIGHTS, tmp_path)
    assert model_at_hand() is None
    path = resolve_model()
    assert model_at_hand() == path
    path.write_bytes(b"changed")
    assert model_at_hand() is None
    monkeypatch.setenv(FACE_MODEL, str(tmp_path / "gone.tflite"))
    with pytest.raises(BadInput, match="no such face model"):
        model_at_hand()


def test_the_model_storage_is_asked_once(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage(monkeypatch, WEIGHTS, tmp_path)
    index(monkeypatch, None)
    path = resolve_model()
    assert path.read_bytes() == WEIGHTS
    assert path.parent == cache
    storage(monkeypatch, None, tmp_path / "nowhere")
    assert resolve_model() == path


def test_the_old_wheel_serves_when_the_storage_cannot(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage(monkeypatch, b"something else", tmp_path)  # a captive portal, say
    index(monkeypatch, WEIGHTS)
    assert resolve_model().read_bytes() == WEIGHTS


def test_a_damaged_cache_is_fetched_again(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage(monkeypatch, WEIGHTS, tmp_path)
    path = resolve_model()
    path.write_bytes(b"cut sho")
    assert resolve_model().read_bytes() == WEIGHTS


def test_without_any_source_the_reasons_are_said_and_nothing_is_kept(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage(monkeypatch, b"something else", tmp_path)
    index(monkeypatch, None)
    with pytest.raises(BadInput, match=r"not the known one.*ERROR: no index.*--face-model.*lbp-frontal") as refused:
        resolve_model()
    assert "\n" not in str(refused.value)
    assert not cache.exists() or not list(cache.iterdir())


class Lines:
    """A display that keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, message: str) -> None:
        self.said.append(message)


def test_what_can_go_on_without_weights_fetches_them_all_the_same(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage(monkeypatch, WEIGHTS, tmp_path)
    index(monkeypatch, None)
    lines = Lines()
    path = resolve_model_quickly(lines)  # type: ignore[arg-type]
    assert path is not None
    assert path.read_bytes() == WEIGHTS
    assert len(lines.said) == 1
    storage(monkeypatch, None, tmp_path / "nowhere")
    assert resolve_model_quickly(lines) == path  # type: ignore[arg-type]


def test_a_server_that_never_answers_is_given_up(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_file, "_QUICK", replace(model_file._QUICK, answer_s=0.1))
    index(monkeypatch, None)
    lines = Lines()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(model_file, "URL", f"http://127.0.0.1:{silent.getsockname()[1]}/weights")
        assert resolve_model_quickly(lines) is None  # type: ignore[arg-type]
    (line,) = lines.said
    assert line.startswith("without a face detector: BlazeFace's weights cannot be had (model storage: ")
    assert "timed out" in line
    assert "\n" not in line
    assert not cache.exists() or not list(cache.iterdir())


def test_pip_is_told_not_to_try_for_long(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []

    def download(command: list[str], timeout: float, **_: object) -> None:
        commands.append(command)
        assert timeout < 60
        raise subprocess.TimeoutExpired(command, timeout)

    storage(monkeypatch, None, tmp_path / "nowhere")
    monkeypatch.setattr(subprocess, "run", download)
    assert resolve_model_quickly() is None
    (command,) = commands
    assert command[command.index("--retries") + 1] == "0"


def test_auto_goes_on_with_the_cascade_and_says_so(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Listener:
        said: list[str] = []  # noqa: RUF012

        def say(self, message: str) -> None:
            self.said.append(message)

    storage(monkeypatch, None, tmp_path / "nowhere")
    index(monkeypatch, None)
    assert choice.best_detector(progress=Listener()) == ("lbp-frontal", None)  # type: ignore[arg-type]
    assert "going on with lbp-frontal" in Listener.said[0]
    with pytest.raises(BadInput, match="no such face model"):
        choice.best_detector(tmp_path / "gone.tflite")
    with pytest.raises(BadInput, match="unknown face detector 'eyes'"):
        choice.open_detector("eyes")
