"""Golden vectors for a whole phone, in ``export/golden/phone``: a tiny bundle, calls, label sets, stores, and refusals.

    python -m tests.contract.golden_phone

writes them anew. The model follows from formulas (``golden_model.py``) and expected numbers from float64; random
numbers of stores are counted instead of drawn. So the same versions write the same bytes.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from pen_mobile.bundle.face import FaceModel
from pen_mobile.bundle.golden import Golden
from pen_mobile.bundle.golden_adapt import with_label_sets
from pen_mobile.bundle.golden_reference import head_answers
from pen_mobile.bundle.programs.head import HeadSize
from pen_mobile.bundle.programs.head_methods import HeadMethods
from pen_mobile.bundle.programs.lowering_subprocess import lower_head
from pen_mobile.bundle.recipe import Recipe, load_recipe
from pen_mobile.contract.adaptation_report import ReportRow, Verdict
from pen_mobile.contract.bundle_folder import describe_files, seal
from pen_mobile.contract.evidence import GoldenPart, SourcePart
from pen_mobile.contract.manifest import SCHEMA_VERSION, Manifest
from pen_mobile.contract.model_card import ModelCard
from pen_mobile.data.detectors.model_file import model_at_hand
from pen_mobile.models.heads import ExpertHead
from pen_mobile.models.label_set import head_output
from pen_mobile.models.posterior import adapt
from pen_mobile.types import Doubles, Floats
from pen_mobile.utils.files import sha256_of_file
from pen_mobile.utils.resources import contract_folder
from tests.contract.golden_model import EXPERTS, FEATURES, TARGETS, head_parameters, numbers, prior
from tests.contract.golden_photograph import write_photograph
from tests.contract.golden_refusals import write_refusals
from tests.contract.golden_stores import write_stores
from tests.small_world import LEARNING_RATES

FOLDER = Path(__file__).parent.parent.parent / "export" / "golden" / "phone"
MOMENTS, LABELS, BATCH, STEPS = 32, 24, 4, 2
_START = 1_700_000_000.0  # Unix seconds of the first label
_DIGITS = 7
_BURST, _DAY_S = 8, 86_400.0


def recipe() -> Recipe:
    """android-fp32 with small batches, few labels and every optimizer."""
    whole = load_recipe("android-fp32").for_run(lambda_1=1 / 1024)
    sizes = {"batch": BATCH, "steps_per_call": STEPS, "adapt_labels": LABELS, "learning_rate": LEARNING_RATES}
    plan = whole.adaptation.model_copy(update={"steps": 330, "check_every": 10})
    return whole.model_copy(update={"head": whole.head.model_copy(update=sizes), "adaptation": plan})


def write_bundle(folder: Path) -> None:
    """Write the tiny bundle; it takes features and has no backbone."""
    folder.mkdir(parents=True)
    settings = recipe()
    methods = HeadMethods(HeadSize(FEATURES, EXPERTS, TARGETS), settings.head, prior())
    lower_head(methods).write(folder / "head.pte")
    head_parameters().astype("<f4").tofile(folder / "head-parameters.f32")
    shutil.copyfile(contract_folder() / "personal_store.sql", folder / "personal_store.sql")
    answers().write(folder / "golden.safetensors")
    tolerance = settings.tolerance
    manifest = Manifest(
        format="pen-mobile-bundle",
        schema_version=SCHEMA_VERSION,
        recipe=settings.name,
        card=ModelCard(name="Golden", version="1", licence="Apache-2.0", limits="It estimates nothing."),
        precision="fp32",
        targets=["valence", "arousal"],
        label_range=(1, 9),
        backbone=None,
        head=methods.part("head.pte", "head-parameters.f32"),
        adaptation=settings.adaptation,
        golden=GoldenPart(
            file="golden.safetensors",
            feature_tolerance=tolerance.features,
            target_tolerance=tolerance.targets,
            train_tolerance=tolerance.train,
            report_tolerance=tolerance.report,
        ),
        store_schema="personal_store.sql",
        source=SourcePart(
            subjects=EXPERTS, data_digest="0" * 64, synthetic=True, validation={}, seed=0, versions={"golden": "1"}
        ),
        files=describe_files(folder),
    )
    seal(folder, manifest)


def answers(features: Floats | None = None) -> Golden:
    """What the head says and learns of 16 features or moments, from eager torch, and the prior of label sets."""
    import torch

    head = ExpertHead(FEATURES, EXPERTS, TARGETS)
    with torch.no_grad():
        head.head_parameters.copy_(torch.from_numpy(head_parameters()))
    labels = np.round(numbers(16, TARGETS, seed=5) * 64) / 64
    z = moments()[:16].astype(np.float32) if features is None else features
    golden = head_answers(head, z, labels.astype(np.float32), recipe().head)
    return with_label_sets(golden, prior(), head_parameters(), LABELS)


def moments() -> Doubles:
    """Features of 32 moments, exact in float32."""
    return numbers(MOMENTS, FEATURES, seed=2)


def label_sets() -> dict[str, dict[str, Any]]:
    """Label sets by name: rows of the moments, labels on the scale from -1 to 1, weights and capture times."""
    output = head_output(head_parameters(), moments(), TARGETS)
    noise, every = numbers(MOMENTS, TARGETS, seed=3) / 8, np.arange(MOMENTS)
    honest, few = 0.75 * output + 0.25 + noise, np.arange(3)
    minutes, day = 60.0 * every, np.arange(LABELS)
    bursts = 900.0 * (day // _BURST) + day % _BURST
    return {
        "honest": _set(day, honest, minutes),
        "few": _set(few, honest, minutes),
        "one": _set(few[:1], honest, minutes),
        "clustered": _set(day, honest, bursts),
        "inverted": _set(day, noise - output, minutes),
        "own mean": _set(day, 0.25 + noise, minutes),
        "all alike": _set(np.arange(12), 0 * output + 0.25, minutes),
        "half weights": _set(day, honest, minutes, np.where(day % 2, 0.5, 1.0)),
        "more than one call takes": _set(every, honest, minutes),
        "days apart": _set(day, honest, 3 * _DAY_S * day + 0.0004),
        "no weight": _set(few, honest, minutes, np.zeros(3)),
    }


def _set(rows: Any, y: Doubles, times: Doubles, weight: Doubles | None = None) -> dict[str, Any]:
    labels = np.round(np.clip(y[rows], -1, 1) * 1024) / 1024
    return {
        "rows": rows.tolist(),
        "labels": labels.tolist(),
        "weight": (np.ones(len(rows)) if weight is None else weight).tolist(),
        "captured_at": (_START + times[: len(rows)]).tolist(),
    }


def called(labels: dict[str, Any]) -> dict[str, Any]:
    """What a phone gives to the method, and what the reference answers in float64."""
    from pen_mobile.phone.adaptation.folds import thin_out

    captured = np.array(labels["captured_at"])
    gaps = np.minimum(np.diff(np.round(captured - captured[:1], 3)), 20 * prior().noise_length.max())
    times = np.concatenate([[0.0], np.cumsum(gaps)])[: len(captured)]
    kept = thin_out(times, LABELS)
    z, y = moments()[np.array(labels["rows"], int)[kept]], np.array(labels["labels"]).reshape(-1, TARGETS)[kept]
    weight, time = np.array(labels["weight"])[kept], times[kept].astype(np.float32).astype(np.float64)
    head, report = adapt(prior(), head_parameters(), z, y, weight, time)
    verdicts = [Verdict(int(verdict)) for verdict in report[ReportRow.VERDICT]]
    return {
        "kept": kept.tolist(),
        "time": rounded(time),
        "report": rounded(report),
        "verdicts": [verdict.name.lower() for verdict in verdicts],
        "accepted": Verdict.ADAPTED in verdicts,
        "targets": rounded(head_output(head, moments(), TARGETS)),
    }


def rounded(values: Doubles) -> Any:
    """Return numbers with seven digits, as nested lists."""
    flat = [float(f"{value:.{_DIGITS}g}") + 0.0 for value in np.asarray(values, np.float64).ravel()]
    return np.reshape(flat, np.shape(values)).tolist()


def calls() -> dict[str, Any]:
    """The document ``calls.json``."""
    golden = answers()
    head, z = head_parameters(), moments()
    products = z @ head[:EXPERTS, :-1].T + head[:EXPERTS, -1]
    gate = np.exp(products) / np.exp(products).sum(axis=1, keepdims=True)
    trained = {
        name: {
            "batches": golden.batches[name].tolist(),
            "hyper": golden.hyper[name].tolist(),
            "losses": rounded(golden.losses[name]),
            "head_parameters": rounded(golden.trained[name][0]),
        }
        for name in golden.batches
    }
    return {
        "what": "Calls of the bundle's methods. Numbers are float32; expected ones were computed in float64 (predict, "
        "adapt) or by eager torch in float32 (train) and have seven digits.",
        "moments": z.tolist(),
        "predict": {"targets": rounded(head_output(head, z, TARGETS)), "gate": rounded(gate)},
        "train": {"features": 16, "labels": golden.labels.tolist(), "optimizers": trained},
        "adapt": {name: labels | called(labels) for name, labels in label_sets().items()},
    }


PHOTOGRAPH = "photograph"
WHAT = {
    "bundle": "a bundle of a head on 8 features, 3 experts, 2 targets, labels from 1 to 9; it has no backbone",
    "calls.json": "inputs and answers of predict, adapt and train; the manifest's golden has the tolerances",
    PHOTOGRAPH: "a photograph, and a bundle with a face program and a tiny backbone; photograph.json has every step",
    "stores": "personal stores of schema versions 1 to 4, plain and encrypted; stores.json says what is in them",
    "refused": "bundles and archives that a reader must refuse; refused.json says for which reason",
}


def main(folder: Path = FOLDER) -> None:
    """Replace the folder; the photograph stays where BlazeFace's weights are not on this machine."""
    for name in WHAT.keys() - {PHOTOGRAPH}:
        (folder / name).unlink() if (folder / name).is_file() else shutil.rmtree(folder / name, ignore_errors=True)
    write_bundle(folder / "bundle")
    replace_photograph(folder)
    write_json(folder / "calls.json", calls())
    write_stores(folder / "stores", parameters=head_parameters().astype("<f4").tobytes())
    write_refusals(folder / "refused", folder / "bundle")
    write_json(folder / "phone.json", {"what": WHAT})


def replace_photograph(folder: Path) -> None:
    """Write the photograph and its bundle anew, where BlazeFace's weights are at hand."""
    weights = model_at_hand()
    if weights is None:
        print("BlazeFace's weights are not here: the photograph stays as it is (pen-mobile doctor)")
        return
    shutil.rmtree(folder / PHOTOGRAPH, ignore_errors=True)
    model = FaceModel(weights, sha256_of_file(weights))
    write_json(
        folder / PHOTOGRAPH / f"{PHOTOGRAPH}.json",
        write_photograph(folder / PHOTOGRAPH, folder / "bundle", model, answers),
    )


def write_json(path: Path, document: Any) -> None:
    """Write a document; lists of numbers stay on one line."""
    lines = json.dumps(document, separators=(",", ":")).replace('],"', '],\n"').replace('},"', '},\n"')
    path.write_text(lines + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
