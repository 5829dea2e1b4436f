"""The public functions: each does what one command does, and returns a result.

Everything is silent unless ``progress=True``; what libraries print from C++ is discarded while a function runs.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from pen_mobile.utils.progress import SILENT, Progress
from pen_mobile.utils.progress_display import progress_of
from pen_mobile.utils.silence import quiet_libraries
from pen_mobile.utils.system_libraries import explained_imports

if TYPE_CHECKING:
    from pen_mobile.bundle.export_result import ExportResult
    from pen_mobile.bundle.recipe import Recipe
    from pen_mobile.bundle.verification import Verification
    from pen_mobile.data.table import SubjectTable
    from pen_mobile.evaluation.personalization import Personalization, PersonResult
    from pen_mobile.training.config import LearningConfig
    from pen_mobile.training.run_folder import Run

Place = str | Path

P = ParamSpec("P")
T = TypeVar("T")


def _public(function: Callable[P, T]) -> Callable[P, T]:
    """Return a function during which libraries print nothing, and a missing library of the system is one line."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        with quiet_libraries(), explained_imports():
            return function(*args, **kwargs)

    return run


@_public
def load_dataset(source: Place, *, size: int | None = None, progress: bool | Progress = False) -> SubjectTable:
    """Read people: their frames or features, and their labels.

    Args:
        source: a folder made by ``pen-mobile data prepare``, a ``.csv`` or ``.parquet`` table, ``.npz`` features, or
            ``synthetic`` (``synthetic:sources=3,targets=1,seconds=20,fps=2,seed=0``).
        size: side to which frames are brought, pixels; None keeps a prepared folder's, and takes 224 otherwise.
        progress: True shows progress.

    Raises:
        BadInput: the file is missing, has other columns, or holds a value that cannot be.
    """
    from pen_mobile.data.load import load_table

    return load_table(str(source), size, progress_of(progress))


@_public
def train(
    data: SubjectTable | Place,
    out: Place,
    *,
    config: LearningConfig | Place | None = None,
    device: str = "auto",
    devices: int = 1,
    precision: str = "32-true",
    progress: bool | Progress = False,
    **settings: Any,
) -> Run:
    """Learn backbone, shared head and experts from the source people (Algorithm 1), into a run folder.

    The same call resumes a run that was interrupted.

    Args:
        data: people, or where they are, as :func:`load_dataset` takes it.
        out: folder to make, or to resume.
        config: settings, or a TOML file with some of them.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        devices: how many of them; more than one trains data-parallel.
        precision: Lightning Fabric's, such as ``32-true`` or ``bf16-mixed``.
        progress: True shows progress.
        **settings: fields of :class:`LearningConfig`, such as ``backbone="mobilenet_v3_large"``; None keeps the value
            of ``config``.

    Raises:
        BadInput: a setting makes no sense, the data cannot be used, or ``out`` holds something else.
    """
    from pen_mobile.models.backbone import check_backbone
    from pen_mobile.training.source_training import learn_source, make_fabric

    resolved = _learning_config(config, settings)
    check_backbone(resolved.backbone, resolved.weights)
    fabric = make_fabric(device, devices, precision)
    shown = progress_of(progress) if fabric.is_global_zero else SILENT
    table = _people(data, resolved.input_size, shown)
    return learn_source(table, resolved, Path(out), fabric, shown)


def _people(data: SubjectTable | Place, size: int | None, progress: Progress) -> SubjectTable:
    from pen_mobile.data.load import load_table

    return load_table(str(data), size, progress) if isinstance(data, (str, Path)) else data


def _path(place: Place | None) -> Path | None:
    return None if place is None else Path(place)


def _learning_config(config: LearningConfig | Place | None, settings: dict[str, Any]) -> LearningConfig:
    from pen_mobile.training.config import LearningConfig

    if isinstance(config, LearningConfig):
        return config.changed(**settings)
    return LearningConfig.load(_path(config), **settings)


@_public
def export(
    run: Run | Place,
    out: Place,
    *,
    recipe: Recipe | Place = "android-fp32",
    data: Place | None = None,
    sign_key: Place | None = None,
    progress: bool | Progress = False,
) -> ExportResult:
    """Export a run as a verified bundle; either a whole bundle stands at ``out`` afterwards, or none.

    Args:
        run: what :func:`train` returned, or its folder.
        out: folder to make, or archive when the name ends in ``.zip``.
        recipe: name of a built-in recipe, or a recipe file.
        data: where the data of the run are now; int8 is calibrated on them.
        sign_key: PEM file with a private key on P-256, to sign the bundle with.
        progress: True shows progress.

    Raises:
        BadInput: ``out`` exists, the recipe or key cannot be used, or the run is not complete.
        Refused: the programs differ from the float model by more than the recipe allows.
    """
    from pen_mobile.bundle.export_cache import export_again
    from pen_mobile.bundle.recipe import load_recipe

    folder = Path(run) if isinstance(run, (str, Path)) else run.folder
    wanted = load_recipe(str(recipe)) if isinstance(recipe, (str, Path)) else recipe
    key = _path(sign_key)
    exported = export_again(folder, wanted, Path(out), key)
    if exported is not None:
        return exported
    from pen_mobile.bundle.export import export_bundle
    from pen_mobile.training.run_folder import Run

    source = None if data is None else str(data)
    return export_bundle(Run.open(folder), wanted, Path(out), progress_of(progress), source, key)


@_public
def verify(bundle: Place, *, public_key: Place | None = None, golden_to: Place | None = None) -> Verification:
    """Check every byte of a bundle, and compare its programs in the real runtime with the float model.

    Args:
        bundle: folder or archive.
        public_key: PEM file with the maker's key; a bundle not signed with it is refused.
        golden_to: folder to make, with the golden vectors as plain numbers.

    Returns:
        Every comparison; ``passed`` is False when one is beyond its tolerance.

    Raises:
        BundleError: the bundle is damaged, or not signed with the key.
    """
    from pen_mobile.bundle.verify_in_subprocess import verify_in_subprocess
    from pen_mobile.contract.bundle_folder import open_bundle
    from pen_mobile.utils.files import refuse_existing

    if golden_to is not None:
        refuse_existing(Path(golden_to))
    opened = open_bundle(Path(bundle), _path(public_key))
    verification = verify_in_subprocess(opened)
    if golden_to is not None:
        from pen_mobile.bundle.verify import write_golden

        write_golden(opened, Path(golden_to))
    if public_key is not None:
        return replace(verification, signature="valid")
    return replace(verification, signature="not checked" if opened.signed else "none")


@_public
def evaluate(
    bundle: Place,
    data: SubjectTable | Place,
    *,
    labels: int = 60,
    seed: int = 0,
    public_key: Place | None = None,
    progress: bool | Progress = False,
) -> Personalization:
    """Adapt a phone with an empty store to every target person, and test it on time that it has not seen.

    Args:
        bundle: folder or archive.
        data: people, or where they are, as :func:`load_dataset` takes it.
        labels: labelled moments that each person gives, from the first half of the recording.
        seed: decides which moments, what is held out, and the batches.
        public_key: PEM file with the maker's key; a bundle not signed with it is refused.
        progress: True shows progress.

    Raises:
        BadInput: the bundle or the data cannot be used.
    """
    from pen_mobile.contract.bundle_folder import open_bundle
    from pen_mobile.evaluation.personalization import personalize

    shown = progress_of(progress)
    opened = open_bundle(Path(bundle), _path(public_key))
    table = _people(data, opened.manifest.frame_size, shown)
    return personalize(opened, table, labels, seed, shown)


@_public
def adapt_person(
    bundle: Place,
    data: SubjectTable | Place,
    subject: str,
    store: Place,
    *,
    labels: int = 60,
    strategy: str | None = None,
    optimizer: str | None = None,
    seed: int = 0,
    key: bytes | None = None,
    public_key: Place | None = None,
    progress: bool | Progress = False,
) -> PersonResult:
    """Adapt one person's phone to labels of the first half of a recording, and test it on the second half.

    Args:
        bundle: folder or archive.
        data: people, or where they are, as :func:`load_dataset` takes it.
        subject: the person.
        store: the person's store; made when it is not there.
        labels: labelled moments to draw.
        strategy: one that the bundle carries; None is the bundle's own.
        optimizer: of gradient steps; None is the bundle's own.
        seed: decides which moments, what is held out, and the batches.
        key: 32 bytes that open an encrypted store, or encrypt a new one.
        public_key: PEM file with the maker's key; a bundle not signed with it is refused.
        progress: True shows progress.

    Raises:
        BadInput: nobody of that name, a strategy that the bundle does not carry, or a store of another bundle.
    """
    from pen_mobile.contract.adaptation_plan import adaptation_plan
    from pen_mobile.contract.bundle_folder import open_bundle
    from pen_mobile.evaluation.personalization import adapt_one
    from pen_mobile.phone.phone import Phone
    from pen_mobile.phone.store.options import StoreOptions

    shown, opened = progress_of(progress), open_bundle(Path(bundle), _path(public_key))
    adaptation_plan(opened.manifest, strategy, optimizer)  # a wrong name is refused before people are drawn
    table = _people(data, opened.manifest.frame_size, shown)
    table.rows_of(subject)  # a wrong name is refused before a store is made
    with Phone.open(opened, store, options=StoreOptions(key=key)) as phone:
        if phone.store.change is not None:
            shown.say(f"{store}: {phone.store.change}")
        return adapt_one(phone, table, subject, labels, seed, strategy=strategy, optimizer=optimizer)
