"""A phone: one bundle, one owner's store, and three verbs: predict, add_labels, adapt."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pen_mobile.contract.bundle_folder import open_bundle
from pen_mobile.data.detectors.choice import open_detector
from pen_mobile.data.faces import Face, FaceDetector, crop_face
from pen_mobile.data.images import read_image, resize
from pen_mobile.errors import BadInput
from pen_mobile.phone.adaptation.adapt import AdaptationResult, adapt
from pen_mobile.phone.adaptation.strategies import check_strategy
from pen_mobile.phone.runtime import BundleRuntime
from pen_mobile.phone.store.personal_store import IN_MEMORY, ActiveHead, ConcurrentUpdateError, PersonalStore
from pen_mobile.phone.store.retention import Retention
from pen_mobile.phone.store.vault import OnOtherBackbone, StoreStatus
from pen_mobile.types import Floats, Image


@dataclass(frozen=True)
class Affect:
    """What the phone says about one face.

    Attributes:
        valence, arousal: the estimate; labels lie in [-1, 1], estimates may leave it slightly.
        gate: weight of each expert, sums to 1.
        face: where the eyes were found, pixels, or None for an aligned frame.
        milliseconds: wall time of every stage.
    """

    valence: float
    arousal: float
    gate: list[float]
    face: Face | None
    milliseconds: dict[str, float]

    def as_json(self) -> dict[str, Any]:
        """Return plain values for a JSON document."""
        face = None if self.face is None else self.face._asdict()
        return {
            "valence": self.valence,
            "arousal": self.arousal,
            "gate": self.gate,
            "face": face,
            "milliseconds": self.milliseconds,
        }


class NoFace(BadInput):
    """Nobody can be seen in a picture."""


class Phone:
    """A bundle at work for one owner. Open it with :meth:`open`, close it or use it in ``with``."""

    _parameters: Floats

    def __init__(self, runtime: BundleRuntime, store: PersonalStore) -> None:
        self.runtime, self.store = runtime, store
        self.manifest = runtime.bundle.manifest
        self._detector: FaceDetector | None = None
        backbone = self.manifest.backbone
        self._crop = None if backbone is None else backbone.crop
        self._take_head_in_use()

    @classmethod
    def open(
        cls,
        bundle: str | Path,
        store: str | Path | None = None,
        threads: int = 1,
        *,
        public_key: str | Path | None = None,
        key: bytes | None = None,
        retention: Retention | None = None,
        clock: Callable[[], float] = time.time,
        quota_bytes: int | None = None,
        on_other_backbone: OnOtherBackbone = "refuse",
    ) -> Phone:
        """Check and load a bundle, and open or make the owner's store (None keeps it in memory).

        Args:
            bundle: folder, or archive that ``pen-mobile export`` packed.
            public_key: PEM file with the key of the bundle's maker; a bundle not signed with it is refused.
            key: 32 bytes from the host's keystore, to encrypt what the store holds; None keeps it in the clear.
            retention: how much the store keeps, and for how long.
            clock: says when things happen, Unix seconds.
            quota_bytes: how large the store's file may grow; None is no limit.
            on_other_backbone: ``forget`` deletes samples and heads of another backbone instead of refusing the store.

        Raises:
            BundleError: the bundle is damaged.
            BadInput: the store belongs to another backbone or key, or is damaged.
        """
        folder = open_bundle(Path(bundle), None if public_key is None else Path(public_key))
        path = IN_MEMORY if store is None else Path(store)
        opened = PersonalStore(
            path,
            folder,
            key=key,
            retention=retention,
            clock=clock,
            quota_bytes=quota_bytes,
            on_other_backbone=on_other_backbone,
        )
        return cls(BundleRuntime(folder, threads), opened)

    def __enter__(self) -> Phone:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the store and the face detector."""
        if self._detector is not None:
            self._detector.close()
        self.store.close()

    @property
    def parameters(self) -> Floats:
        """The head in use, ``[1, 3 n_s, D_z + 1]``."""
        return self._parameters

    def predict(self, image: str | Path | Image, aligned: bool = False, previous: Face | None = None) -> Affect:
        """Estimate the affect of a face in an image: the one followed, or the largest.

        Args:
            image: path, or uint8 RGB ``[H, W, 3]``.
            aligned: the image is a square face crop already; nothing is detected.
            previous: the face in the picture before, to be followed.

        Raises:
            BadInput: not an image, or no face in it (:class:`NoFace`).
        """
        clock = _Clock()
        pixels = read_image(Path(image)) if isinstance(image, (str, Path)) else image
        clock.lap("decode")
        name = str(image) if isinstance(image, (str, Path)) else "image"
        face, frame = self._frame(pixels, aligned, name, clock, previous)
        z = self.runtime.features(frame[None])
        clock.lap("backbone")
        affect, gate = self.runtime.predict(self._parameters, z)
        clock.lap("head")
        return Affect(float(affect[0, 0]), float(affect[0, 1]), gate[0].tolist(), face, clock.milliseconds)

    def features(self, images: Sequence[str | Path | Image], aligned: bool = False) -> Floats:
        """Return features ``[N, D_z]`` of the largest face in each image."""
        frames = []
        for image in images:
            pixels = read_image(Path(image)) if isinstance(image, (str, Path)) else image
            frames.append(self._frame(pixels, aligned, str(image)[:80], _Clock())[1])
        if not frames:
            raise BadInput("no images were given")
        return self.runtime.features(np.stack(frames))

    def predict_features(self, z: Floats) -> tuple[Floats, Floats]:
        """Return affect ``[N, 2]`` and gate weights ``[N, n_s]`` of features ``[N, D_z]``."""
        return self.runtime.predict(self._parameters, z)

    def add_labels(self, z: Floats, affect: Floats, captured_at: float | NDArray[np.float64] | None = None) -> None:
        """Keep labelled features ``[N, D_z]``, ``[N, 2]`` in the store.

        Args:
            captured_at: when, Unix seconds, of each or of all; None is now. The guard holds out blocks of time, and
                cannot know that neighbouring moments are alike when nobody says which they are.
        """
        self.store.add(z, affect, captured_at=captured_at)

    def check_strategy(self, strategy: str | None) -> None:
        """Refuse a strategy that the bundle does not carry; None is the bundle's own choice.

        Raises:
            BadInput: with the names of those that it carries.
        """
        if strategy is not None:
            check_strategy(self.manifest.head, strategy)

    def adapt(
        self,
        images: Sequence[str | Path | Image] = (),
        labels: Sequence[Sequence[float]] = (),
        aligned: bool = False,
        seed: int = 0,
        *,
        strategy: str | None = None,
        stop: Callable[[], bool] | None = None,
    ) -> AdaptationResult:
        """Remember labelled images, then adapt to everything in the store; accepted or refused, and why.

        Args:
            labels: (valence, arousal) of every image, each in [-1, 1].
            seed: decides what is held out, and the order of batches.
            strategy: one that the bundle carries, or ``auto``; None is the bundle's own choice.
            stop: asked before every step; the adaptation ends when it says True, and the next one goes on from there
                when the bundle says so.

        Raises:
            BadInput: a label cannot be kept, or the bundle does not carry the strategy.
        """
        self.check_strategy(strategy)
        plan = self.manifest.adaptation.model_copy(update={} if strategy is None else {"strategy": strategy})
        if len(images) != len(labels):
            raise BadInput(f"{len(images)} images but {len(labels)} labels; give one label for each")
        if len(images):
            self.add_labels(self.features(images, aligned), np.asarray(labels, np.float32).reshape(-1, 2))
        started_from = self._take_head_in_use()  # another process may have adapted since
        samples, desk = self.store.samples(), self.store.desk(started_from)
        result, parameters = adapt(self.runtime, self._parameters, samples, plan, seed, stop=stop, desk=desk)
        try:
            if result.interrupted:
                self.store.vault.note("interrupted", {"steps": result.steps, "reason": result.reason})
            elif parameters is None:
                self.store.reject(result.as_json(), plan.strategy, started_from)
            else:
                self.store.accept(parameters, result.as_json(), plan.strategy, started_from)
                self._parameters = parameters
        except ConcurrentUpdateError as overtaken:
            self._take_head_in_use()
            return replace(result, accepted=False, reason=str(overtaken))
        return result

    def rollback(self) -> int | None:
        """Take the head before the present one back into use; returns its version, None for the bundle's own.

        Raises:
            BadInput: the bundle's initial head is in use already, or the one before is damaged or no longer kept.
        """
        version = self.store.rollback()
        self._take_head_in_use()
        return version

    def reset(self) -> None:
        """Take the bundle's initial head back into use; samples and history stay."""
        self.store.reset()
        self._take_head_in_use()

    def status(self) -> StoreStatus:
        """Say what the store holds and which head is in use."""
        return self.store.status()

    def history(self) -> list[dict[str, Any]]:
        """Return every adaptation, accepted or not, and why."""
        return self.store.history()

    def _take_head_in_use(self) -> ActiveHead:
        head, parameters = self.store.active_head()
        self._parameters = self.runtime.head_parameters() if parameters is None else parameters
        return head

    def _frame(
        self, pixels: Image, aligned: bool, name: str, clock: _Clock, previous: Face | None = None
    ) -> tuple[Face | None, Image]:
        recipe = self._crop
        if recipe is None:
            raise BadInput(
                f"{self.runtime.bundle.origin} has no backbone: it was trained on features and takes no images"
            )
        if not aligned:
            face = self._find(pixels, recipe.detector, name, clock, previous)
            clock.lap("detect")
            frame = crop_face(pixels, face, recipe)
            clock.lap("crop")
            return face, frame
        if pixels.shape[0] != pixels.shape[1]:
            raise BadInput(f"{name}: an aligned frame is square, this is {pixels.shape[1]} x {pixels.shape[0]}")
        frame = resize(pixels[None], recipe.size)[0]
        clock.lap("crop")
        return None, frame

    def _find(self, pixels: Image, detector: str, name: str, clock: _Clock, previous: Face | None) -> Face:
        if self._detector is None:
            self._detector = open_detector(detector)
            clock.restart()
        face = self._detector.find(pixels, previous)
        if face is None:
            raise NoFace(f"{name}: no face found; use a frontal, well-lit face, or --aligned for a face crop")
        return face


class _Clock:
    """Milliseconds between laps."""

    def __init__(self) -> None:
        self.milliseconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def restart(self) -> None:
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.milliseconds[name] = round((now - self._last) * 1e3, 3)
        self._last = now
