"""A phone: one bundle, one owner's store, and three verbs: predict, add_labels, adapt."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pen_mobile.contract.adaptation import AdaptationPart
from pen_mobile.contract.adaptation_plan import adaptation_plan
from pen_mobile.contract.bundle_folder import BundleFolder, open_bundle
from pen_mobile.contract.head_state import parameter_bytes, parameters_from_bytes, parameters_to_bytes
from pen_mobile.data.faces import Face, FaceDetector, crop_face
from pen_mobile.data.frames import resize
from pen_mobile.errors import BadInput
from pen_mobile.phone.adaptation.adapt import AdaptationResult, adapt
from pen_mobile.phone.adaptation.context import AdaptationContext
from pen_mobile.phone.array_input import to_image, to_images, to_matrix, to_times, to_unix_times
from pen_mobile.phone.binding import binding_of
from pen_mobile.phone.face_finding import face_detector
from pen_mobile.phone.runtime import BundleRuntime
from pen_mobile.phone.store.database import IN_MEMORY
from pen_mobile.phone.store.head_versions import ActiveHead, ConcurrentUpdateError
from pen_mobile.phone.store.options import StoreOptions
from pen_mobile.phone.store.status import StoreStatus
from pen_mobile.phone.store.store import Store
from pen_mobile.targets import Targets
from pen_mobile.types import Doubles, Floats, Image
from pen_mobile.utils.plain import Result
from pen_mobile.utils.text import counted

_DAY_S = 86_400.0


@dataclass(frozen=True)
class Affect(Result):
    """The estimates for one face; each target is an attribute, too, such as ``affect.valence``.

    Attributes:
        targets: estimate of each target, by name, within the range of labels.
        clipped: targets whose estimate lay outside and became the nearer end of the range.
        gate: weight of each expert, sums to 1.
        face: where the eyes were found, pixels, or None for an aligned frame.
        milliseconds: wall time of every stage.
    """

    targets: dict[str, float]
    gate: list[float]
    face: Face | None
    milliseconds: dict[str, float]
    clipped: tuple[str, ...] = ()

    def __getattr__(self, name: str) -> float:
        targets: dict[str, float] = self.__dict__.get("targets", {})  # it is not there yet while an object is copied
        if name not in targets:
            raise AttributeError(f"no target {name!r}; there are {', '.join(targets)}")
        return targets[name]


class NoFace(BadInput):
    """No face was found in an image."""


class Phone:
    """A bundle at work for one owner. Open it with :meth:`open`, close it or use it in ``with``."""

    _parameters: Floats

    def __init__(self, runtime: BundleRuntime, store: Store) -> None:
        """Take the head in use from the store; :meth:`open` is the usual way.

        Args:
            runtime: the bundle's programs.
            store: opened for this bundle.
        """
        self._runtime, self._store = runtime, store
        self._closed = False
        self._recording_start: float | None = None
        self.manifest = runtime.bundle.manifest
        self._detector: FaceDetector | None = None
        backbone = self.manifest.backbone
        self._crop = None if backbone is None else backbone.crop
        self._load_active_head()

    @classmethod
    def open(
        cls,
        bundle: str | Path | BundleFolder,
        store: str | Path | None = None,
        threads: int = 1,
        *,
        public_key: str | Path | None = None,
        options: StoreOptions | None = None,
    ) -> Phone:
        """Check and load a bundle, and open or make its store.

        Args:
            bundle: folder, or archive that ``pen-mobile export`` packed; or one that was opened before, which is not
                read and hashed again.
            store: path of the file; None keeps the store in memory.
            threads: of the runtime; all programs of the process share them.
            public_key: PEM file with the key of the bundle's maker; a bundle not signed with it is refused.
            options: key, limits, formats and clock of the store.

        Raises:
            BundleError: the bundle is damaged.
            BadInput: the store belongs to another backbone or key, or is damaged.
        """
        folder = _opened(bundle, public_key)
        path = IN_MEMORY if store is None else Path(store)
        runtime = BundleRuntime(folder, threads)  # a bundle that does not run here must not change the store
        return cls(runtime, Store(path, binding_of(folder), options))

    def __enter__(self) -> Phone:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the store and the face detector; every other method then says that the phone is closed."""
        if self._closed:
            return
        self._closed = True
        if self._detector is not None:
            self._detector.close()
        self._store.close()

    @property
    def runtime(self) -> BundleRuntime:
        """The bundle's programs."""
        self._check_open()
        return self._runtime

    @property
    def store(self) -> Store:
        """The personal store."""
        self._check_open()
        return self._store

    @property
    def parameters(self) -> Floats:
        """The head in use, ``[1, n_s (1 + K), D_z + 1]``."""
        self._check_open()
        return self._parameters

    def predict(self, image: Any, aligned: bool = False, previous: Face | None = None) -> Affect:
        """Estimate the affect of a face in an image: the one followed, or the largest.

        Estimates are clipped to the range of labels here, once; adapting and :meth:`predict_features` are not.

        Args:
            image: path, PIL image, or array or tensor ``[H, W, 3]``: RGB, uint8 or float in 0..1.
            aligned: the image is a square face crop already; nothing is detected.
            previous: the face in the image before, to be followed.

        Raises:
            BadInput: not an image, or no face in it (:class:`NoFace`).
        """
        self._check_open()
        clock = _Clock()
        pixels = to_image(image)
        clock.lap("decode")
        name = str(image) if isinstance(image, (str, Path)) else "image"
        face, frame = self._frame(pixels, aligned, name, clock, previous)
        z = self.runtime.features(frame[None])
        clock.lap("backbone")
        affect, gate = self.runtime.predict(self._parameters, z)
        clock.lap("head")
        estimates, labelling = affect[0].astype(np.float64), self.manifest.labelling
        inside = np.clip(estimates, -1, 1)
        shown = labelling.middle + labelling.half_width * inside
        targets = dict(zip(labelling.names, shown.tolist(), strict=True))
        clipped = tuple(name for name, moved in zip(targets, estimates != inside, strict=True) if moved)
        return Affect(targets, gate[0].tolist(), face, clock.milliseconds, clipped)

    def features(self, images: Any, aligned: bool = False) -> Floats:
        """Return features ``[N, D_z]`` of the largest face in each image.

        Args:
            images: a list of images as :meth:`predict` takes them, or an array ``[N, H, W, 3]``.
            aligned: the images are square face crops already; nothing is detected.

        Raises:
            BadInput: not images, no face in one of them, or the bundle has no backbone.
        """
        self._check_open()
        frames = []
        for number, image in enumerate(to_images(images), 1):
            name = str(image) if isinstance(image, (str, Path)) else f"image {number}"
            frames.append(self._frame(to_image(image, name), aligned, name, _Clock())[1])
        if not frames:
            raise BadInput("no images were given")
        return self.runtime.features(np.stack(frames))

    def predict_features(self, z: Any) -> tuple[Floats, Floats]:
        """Return estimates ``[N, K]``, not clipped to the range of labels, and gate weights ``[N, n_s]``.

        Args:
            z: features ``[N, D_z]``.

        Raises:
            BadInput: not numbers, or of another shape.
        """
        features = to_matrix(z, self.manifest.head.feature_size, "features")
        unit, gate = self.runtime.predict(self._parameters, features)
        return self.manifest.labelling.to_labels(unit), gate

    def add_labels(self, z: Any, affect: Any, captured_at: Any = None) -> None:
        """Add labelled features to the store.

        Args:
            z: features ``[N, D_z]``.
            affect: labels ``[N, K]``, in the order of the targets, each in the range of labels.
            captured_at: capture time of each or of all; None is now. Seconds, Unix time or since the start of a
                recording (the same one for as long as the phone is open), or ``datetime`` objects. Labels that are
                close in time count as few labels, which the phone can know only when their times are given.

        Raises:
            BadInput: not numbers, of another shape, a label that cannot be kept, or older than the store keeps them.
        """
        features = to_matrix(z, self.manifest.head.feature_size, "features")
        labels = to_matrix(affect, len(self.manifest.targets), "labels")
        times = None if captured_at is None else self._unix_times(to_times(captured_at, len(labels)))
        refusal = _why_refuse(labels, self.manifest.labelling)
        if refusal is not None:
            with self.store.transaction():
                self.store.events.note("labels-refused", {"labels": len(labels), "reason": refusal})
            raise BadInput(refusal)
        self.store.add(features, self.manifest.labelling.to_unit(labels), captured_at=times)

    def plan(self, strategy: str | None = None, optimizer: str | None = None) -> AdaptationPart:
        """Return how the phone adapts: the bundle's plan with another strategy or optimizer.

        Args:
            strategy: one that the bundle carries; None is the bundle's own choice, or gradient steps where an
                optimizer is given.
            optimizer: of gradient steps, one that the bundle carries; None is the bundle's own choice.

        Raises:
            BadInput: the bundle does not carry them, or an optimizer was given for another strategy.
        """
        return adaptation_plan(self.manifest, strategy, optimizer)

    def adapt(
        self,
        images: Any = (),
        labels: Any = (),
        aligned: bool = False,
        *,
        captured_at: Any = None,
        strategy: str | None = None,
        optimizer: str | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> AdaptationResult:
        """Add labelled images to the store, then adapt to everything in it; accepted or refused, and why.

        Args:
            images: a list of images as :meth:`predict` takes them, or an array ``[N, H, W, 3]``.
            labels: of every image, ``[N, K]``, in the order of the targets, each in the range of labels.
            aligned: the images are square face crops already; nothing is detected.
            captured_at: when the images were taken, as in :meth:`add_labels`.
            strategy: as in :meth:`plan`.
            optimizer: as in :meth:`plan`.
            should_stop: asked before every gradient step; the adaptation ends when it returns True, and the next one
                goes on from there when the bundle says so.

        Raises:
            BadInput: a label cannot be kept, or the bundle does not carry the strategy.
        """
        plan = self.plan(strategy, optimizer)
        self._add_labelled_images(images, labels, aligned, captured_at)
        started_from = self._load_active_head()  # another process may have adapted since
        context = AdaptationContext(self.runtime, self.store.samples(), plan)
        result, parameters = adapt(context, should_stop=should_stop, checkpoints=self.store.checkpoints(started_from))
        try:
            self._record(result, parameters, started_from)
        except ConcurrentUpdateError as overtaken:
            self._load_active_head()
            return replace(result, accepted=False, reason=str(overtaken))
        return result

    def rollback(self) -> int | None:
        """Take the head before the present one back into use; returns its version, None for the bundle's own.

        Raises:
            BadInput: the bundle's initial head is in use already, or the one before is damaged or no longer kept.
        """
        version = self.store.rollback()
        self._load_active_head()
        return version

    def reset(self) -> None:
        """Take the bundle's initial head back into use; samples and history stay."""
        self.store.reset()
        self._load_active_head()

    def status(self) -> StoreStatus:
        """Return what the store holds and which head is in use."""
        return self.store.status()

    def history(self) -> list[dict[str, Any]]:
        """Return every adaptation, accepted or not, and why."""
        return self.store.heads.history()

    def _check_open(self) -> None:
        if self._closed:
            raise BadInput("this phone is closed; open it again with Phone.open")

    def _unix_times(self, times: Doubles) -> Doubles:
        """Return times as the store keeps them; refuse those that retention would delete at once."""
        options = self.store.options
        now, days = options.clock(), options.retention.days
        times, self._recording_start = to_unix_times(times, now, self._recording_start)
        old = np.flatnonzero(times < now - (np.inf if days is None else days) * _DAY_S)
        if len(old):
            raise BadInput(
                f"{counted(len(old), 'label')} of {len(times)} older than {days:g} days, which the store does not "
                f"keep; the first is label {old[0] + 1}: leave them out, or open the store with another retention"
            )
        return times

    def _add_labelled_images(self, images: Any, labels: Any, aligned: bool, captured_at: Any) -> None:
        images, labels = to_images(images), to_matrix(labels, len(self.manifest.targets), "labels")
        if len(images) != len(labels):
            raise BadInput(f"{len(images)} images but {len(labels)} labels; give one label for each")
        if len(images):
            self.add_labels(self.features(images, aligned), labels, captured_at)

    def _record(self, result: AdaptationResult, parameters: Floats | None, started_from: ActiveHead) -> None:
        """Write the result into the store, and take an accepted head into use."""
        if result.interrupted:
            self.store.note("interrupted", {"steps": result.steps, "reason": result.reason})
        elif parameters is None:
            self.store.reject(result.to_dict(), result.strategy, started_from=started_from)
        else:
            blob = parameters_to_bytes(parameters)
            self.store.accept(blob, result.to_dict(), result.strategy, started_from=started_from)
            self._parameters = parameters

    def _load_active_head(self) -> ActiveHead:
        head, blob = self.store.active_parameters()
        part = self.manifest.head
        if blob is None:
            self._parameters = self.runtime.head_parameters()
        else:  # older releases kept an optimizer's slots behind the parameters
            self._parameters = parameters_from_bytes(blob[: parameter_bytes(part)], part)
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
            face = self._find(pixels, name, clock, previous)
            clock.lap("detect")
            frame = crop_face(pixels, face, recipe)
            clock.lap("crop")
            return face, frame
        if pixels.shape[0] != pixels.shape[1]:
            raise BadInput(f"{name}: an aligned frame is square, this is {pixels.shape[1]} x {pixels.shape[0]}")
        frame = resize(pixels[None], recipe.size)[0]
        clock.lap("crop")
        return None, frame

    def _find(self, pixels: Image, name: str, clock: _Clock, previous: Face | None) -> Face:
        if self._detector is None:
            self._detector = face_detector(self.runtime)
            clock.restart()
        face = self._detector.find(pixels, previous)
        if face is None:
            raise NoFace(f"{name}: no face found; use a frontal, well-lit face, or --aligned for a face crop")
        return face


def _why_refuse(labels: Floats, labelling: Targets) -> str | None:
    """Return which label is not in its own range, or None."""
    for row in np.flatnonzero(labelling.outside(labels).any(axis=1))[:1]:
        names = " and ".join(labelling.names)
        return f"label {row + 1} is {labels[row].tolist()}; {names} must lie in {labelling.range_text}"
    return None


def _opened(bundle: str | Path | BundleFolder, public_key: str | Path | None) -> BundleFolder:
    """Return an open bundle; one that is open already is checked for its key by whoever opened it."""
    if isinstance(bundle, BundleFolder):
        if public_key is not None:
            raise BadInput(f"{bundle.origin} is open already; give its public key where it is opened")
        return bundle
    return open_bundle(Path(bundle), None if public_key is None else Path(public_key))


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
