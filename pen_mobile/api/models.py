"""A model: learned, exported and verified."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pen_mobile.api.calls import Place, Shown, as_path, as_table, public
from pen_mobile.targets import Targets
from pen_mobile.utils.progress import SILENT
from pen_mobile.utils.progress_display import progress_of

if TYPE_CHECKING:
    from pen_mobile.bundle.export_result import ExportResult
    from pen_mobile.bundle.recipe import Recipe
    from pen_mobile.bundle.verification import Verification
    from pen_mobile.contract.model_card import ModelCard
    from pen_mobile.data.table import SubjectTable
    from pen_mobile.training.config import LearningConfig
    from pen_mobile.training.run_folder import Run


@public
def train(
    data: SubjectTable | Place,
    out: Place,
    *,
    config: LearningConfig | Place | None = None,
    device: str = "auto",
    devices: int = 1,
    precision: str = "32-true",
    targets: str | None = None,
    label_range: str | None = None,
    card: ModelCard | None = None,
    progress: Shown = False,
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
        targets: names of the labels, as in :func:`load_dataset`.
        label_range: their range, as in :func:`load_dataset`.
        card: name, version, licence and more of the model; None says nothing.
        progress: True shows progress.
        **settings: fields of :class:`LearningConfig`, such as ``backbone="mobilenet_v3_large"``; None keeps the value
            of ``config``.

    Raises:
        BadInput: a setting makes no sense, the data cannot be used, or ``out`` holds something else.
    """
    from pen_mobile.models.backbone import check_backbone
    from pen_mobile.training.fabric import fabric_beyond_cpu
    from pen_mobile.training.source_training import learn_source

    resolved = _learning_config(config, settings)
    check_backbone(resolved.backbone, resolved.weights)
    fabric = fabric_beyond_cpu(device, devices, precision)
    prints = fabric is None or fabric.is_global_zero
    shown = progress_of(progress) if prints else SILENT
    table = as_table(data, resolved.input_size, shown, Targets.parse(targets, label_range))
    run = learn_source(table, resolved, Path(out), fabric, shown)
    if prints:
        run.name_model(card)
    return run


def _learning_config(config: LearningConfig | Place | None, settings: dict[str, Any]) -> LearningConfig:
    from pen_mobile.training.config import LearningConfig

    if isinstance(config, LearningConfig):
        return config.changed(**settings)
    return LearningConfig.load(as_path(config), **settings)


@public
def export(
    run: Run | Place,
    out: Place,
    *,
    recipe: Recipe | Place = "android-fp32",
    data: Place | None = None,
    sign_key: Place | None = None,
    model: str | None = None,
    serial: int | None = None,
    card: ModelCard | None = None,
    progress: Shown = False,
) -> ExportResult:
    """Export a run as a verified bundle; either a whole bundle stands at ``out`` afterwards, or none.

    Beside it stands a model card in Markdown, ``NAME.model-card.md``.

    Args:
        run: what :func:`train` returned, or its folder.
        out: folder to make, or archive when the name ends in ``.zip``.
        recipe: name of a built-in recipe, or a recipe file.
        data: where the data of the run are now; int8 is calibrated on them.
        sign_key: PEM file with a private key on P-256, to sign the bundle with; then everything is made and verified
            anew, and nothing is taken from earlier exports of the run.
        model: name of the model, of which this is one bundle; goes with ``serial``.
        serial: number of the bundle, from 1; a personal store refuses a lower one of the same model.
        card: what the maker says about the model, kept in the run; None leaves what training noted.
        progress: True shows progress.

    Raises:
        BadInput: ``out`` exists, the recipe or key cannot be used, or the run is not complete.
        Refused: the programs differ from the float model by more than the recipe allows.
    """
    from pen_mobile.bundle.export_cache import export_again
    from pen_mobile.bundle.model_card import write_model_card
    from pen_mobile.bundle.recipe import load_recipe
    from pen_mobile.contract.bundle_folder import open_bundle
    from pen_mobile.contract.release import Release

    folder = Path(run) if isinstance(run, (str, Path)) else run.folder
    wanted = load_recipe(str(recipe)) if isinstance(recipe, (str, Path)) else recipe
    key, release = as_path(sign_key), Release.of(model, serial)
    if card is not None:
        from pen_mobile.training.run_folder import Run

        Run.open(folder).name_model(card)
    exported = export_again(folder, wanted, Path(out)) if key is None and release is None else None
    if exported is None:
        from pen_mobile.bundle.export import export_bundle
        from pen_mobile.training.run_folder import Run

        source = None if data is None else str(data)
        exported = export_bundle(Run.open(folder), wanted, Path(out), progress_of(progress), source, key, release)
    write_model_card(open_bundle(Path(out)).manifest, Path(out))
    return replace(exported, path=str(out))


@public
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
        refuse_existing(Path(golden_to), "--golden-to")
    opened = open_bundle(Path(bundle), as_path(public_key))
    verification = verify_in_subprocess(opened)
    if golden_to is not None:
        from pen_mobile.bundle.verify import write_golden

        write_golden(opened, Path(golden_to))
    verification = replace(verification, card=opened.manifest.card)
    if public_key is not None:
        return replace(verification, signature="valid")
    return replace(verification, signature="not checked" if opened.signed else "none")
