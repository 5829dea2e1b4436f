"""The reader of ``independent_reader.py``, written from the specification alone, passes every golden vector."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.contract import independent_reader as reader

PHONE = Path(__file__).parent.parent.parent / "export" / "golden" / "phone"
CALLS: dict[str, Any] = json.loads((PHONE / "calls.json").read_text(encoding="utf-8"))
MOMENTS = np.array(CALLS["moments"])
STORES, REFUSED = (
    json.loads((PHONE / name / f"{name}.json").read_text(encoding="utf-8")) for name in ("stores", "refused")
)


@pytest.fixture(scope="module")
def phone() -> Any:
    return reader.Phone({path.name: path.read_bytes() for path in (PHONE / "bundle").iterdir()})


def assert_close(found: Any, expected: Any, tolerance: float) -> None:
    found, expected = np.asarray(found, float), np.asarray(expected, float)
    assert np.abs(found - expected).max() <= tolerance * max(1, np.abs(expected).max())


def test_it_needs_nothing_of_this_package_and_is_short() -> None:
    """120 lines besides imports and blank ones."""
    text = Path(reader.__file__).read_text(encoding="utf-8")
    code = [line for line in text.splitlines() if line.strip() and not line.startswith(("import", "from"))]
    assert len(code) <= 120
    names = {alias.name for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)}
    allowed = {
        "hashlib",
        "json",
        "re",
        "sqlite3",
        "struct",
        "zipfile",
        "pathlib",
        "numpy",
        "torch",
        "executorch.runtime",
        "tests.contract.crop_numbers",  # these two import numpy alone
        "tests.contract.face_numbers",
    }
    assert names == allowed
    for part in ("crop_numbers", "face_numbers"):
        assert "pen_mobile" not in Path(reader.__file__).with_name(f"{part}.py").read_text(encoding="utf-8")


def test_predict(phone: Any) -> None:
    for found, name in zip(phone.predict(phone.head, MOMENTS), ("targets", "gate"), strict=True):
        assert_close(found, CALLS["predict"][name], phone.manifest["golden"]["target_tolerance"])


@pytest.mark.parametrize("optimizer", CALLS["train"]["optimizers"])
def test_train(phone: Any, optimizer: str) -> None:
    part = next(one for one in phone.manifest["head"]["train"] if one["optimizer"] == optimizer)
    golden, y = CALLS["train"]["optimizers"][optimizer], np.array(CALLS["train"]["labels"])
    tolerance, losses = phone.manifest["golden"]["train_tolerance"], []
    state = [phone.head, *(np.zeros(slot["shape"]) for slot in part["state"][1:])]
    for rows in np.array(golden["batches"]).reshape(-1, part["steps"], part["batch"]):
        *state, loss = phone.call(part["method"], *state, MOMENTS[rows], y[rows], rows >= 0, golden["hyper"])
        losses += loss.tolist()
    assert_close(losses, golden["losses"], tolerance)
    assert_close(state[0][0], golden["head_parameters"], tolerance)


@pytest.mark.parametrize("name", CALLS["adapt"])
def test_adapt(phone: Any, name: str) -> None:
    case, tolerances = CALLS["adapt"][name], phone.manifest["golden"]
    given = (np.array(case[key]) for key in ("labels", "weight", "captured_at"))
    head, report, accepted, kept = phone.adapt(MOMENTS[case["rows"]], *given)
    expected = np.array(case["report"])
    assert (kept, accepted, report[0].tolist()) == (case["kept"], case["accepted"], expected[0].tolist())
    assert (np.abs(report - expected) <= tolerances["report_tolerance"] * np.maximum(1, np.abs(expected))).all()
    assert_close(phone.predict(head, MOMENTS)[0], case["targets"], tolerances["target_tolerance"])


def test_a_photograph() -> None:
    """Each step starts from what is written of the step before; then all of them after one another."""
    folder = PHONE / "photograph"
    about: dict[str, Any] = json.loads((folder / "photograph.json").read_text(encoding="utf-8"))
    phone = reader.Phone({path.name: path.read_bytes() for path in (folder / "bundle").iterdir()})
    image, frame = (
        np.fromfile(folder / about[name]["file"], "u1").reshape(about[name]["shape"]) for name in ("image", "frame")
    )
    golden, side = phone.manifest["golden"], phone.manifest["backbone"]["crop"]["size"]
    eyes = phone.eyes(image)
    apart = np.hypot(*np.subtract(about["eyes"][2:], about["eyes"][:2]))
    pixel = apart * phone.manifest["backbone"]["crop"]["margin"] / side  # of the frame, in pixels of the image
    assert np.abs(eyes - about["eyes"]).max() <= 0.01 * side * pixel
    found, z = phone.features(image, np.array(about["eyes"]))
    assert np.abs(found.astype(int) - frame).max() <= 1
    assert_close(z[0], about["z"], 0.01)  # a level of difference in the frame
    assert_close(phone.predict(phone.head, np.array([about["z"]]))[0][0], about["targets"], golden["target_tolerance"])
    _, z = phone.features(image, eyes)
    assert_close(phone.predict(phone.head, z)[0][0], about["targets"], 0.02)


@pytest.mark.parametrize("case", REFUSED["cases"], ids=lambda case: case["file"])
def test_refusals(case: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(reader.Refused, match=f"^{case['reason']}$"):
        reader.open_bundle(reader.unpack(PHONE / "refused" / case["file"], tmp_path / "again.zip"))


def test_a_sound_archive(tmp_path: Path) -> None:
    reader.open_bundle(reader.unpack(PHONE / "refused" / REFUSED["sound"], tmp_path / "again.zip"))


def test_a_store() -> None:
    said = next(store for store in STORES["stores"] if store["file"] == "version-4.sqlite")
    targets, samples, version, parameters = reader.read_store(PHONE / "stores" / said["file"])
    assert (targets, version, parameters.hex()) == (said["targets"], said["active_version"], said["parameters"])
    order = np.lexsort(np.array([sample[0] for sample in samples]).T)
    keys = ("features", "labels", "captured_at", "weight")
    assert [[samples[row][place] for row in order] for place in range(4)] == [said[key] for key in keys]
