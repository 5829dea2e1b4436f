"""The public names: they exist, are documented, and do what the commands do, in silence."""

from __future__ import annotations

import inspect
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from skimage import io

import pen_mobile as pen
from pen_mobile.bundle.recipe import load_recipe
from tests.contract.test_signature import write_keys

pytestmark = pytest.mark.slow

SPEC = "synthetic:sources=2,targets=1,seconds=60,fps=1,seed=1"


def test_every_public_name_can_be_imported_and_is_documented() -> None:
    assert sorted(pen.__all__) == sorted(set(pen.__all__))
    for name in pen.__all__:
        value = getattr(pen, name)
        assert name == "__version__" or inspect.getdoc(value), name
    assert set(dir(pen)) == set(pen.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        pen.nothing  # noqa: B018


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> pen.Run:
    folder = tmp_path_factory.mktemp("api")
    data = pen.load_dataset(SPEC, size=32)
    return pen.train(data, folder / "run", backbone="resnet18", weights="none", input_size=32, max_steps=2)


@pytest.fixture(scope="module")
def bundle(run: pen.Run) -> Path:
    private, _ = write_keys(run.folder.parent, "maker")
    out = run.folder.parent / "bundle.zip"
    recipe = load_recipe("android-fp32")
    head = recipe.head.model_copy(update={"steps_per_call": 1})  # lowered in half the time
    result = pen.export(run, out, recipe=recipe.model_copy(update={"head": head}), sign_key=private)
    assert result.verification.passed
    assert not result.again
    return out


def test_from_people_to_a_phone(bundle: Path) -> None:
    """The example of the package's documentation, with what each step returns."""
    public = bundle.parent / "maker.pub.pem"
    verification = pen.verify(bundle, public_key=public)
    assert (verification.passed, verification.signature) == (True, "valid")
    assert pen.verify(bundle).signature == "not checked"
    frames = np.random.default_rng(0).integers(0, 255, (20, 32, 32, 3), np.uint8)
    labels = np.linspace(-0.5, 0.5, 40).reshape(20, 2)
    with pen.Phone.open(bundle, store=bundle.parent / "me.sqlite", public_key=public) as phone:
        affect = phone.predict(frames[0], aligned=True)
        assert (type(affect.valence), type(affect.arousal)) == (float, float)
        result = phone.adapt(frames, labels, aligned=True, captured_at=np.arange(20.0) * 60)
    assert result.reason
    assert result.to_dict()["accepted"] == result.accepted


def test_evaluate_and_adapt_person(bundle: Path) -> None:
    found = pen.evaluate(bundle, SPEC, labels=10)
    assert [person.subject for person in found.people] == ["target-01"]
    assert found.to_dict()["synthetic"]
    person = pen.adapt_person(bundle, SPEC, "target-01", bundle.parent / "one.sqlite", labels=10)
    assert person.labels_given == 10
    assert person.before == found.people[0].before
    frame = found.to_frame()
    assert len(frame) == 1
    assert frame["before.ccc_valence"][0] == pytest.approx(person.before.ccc_valence)


def test_results_show_themselves(run: pen.Run, bundle: Path) -> None:
    """In one line as ``repr``, whole as text, as a table in a notebook, and as a data frame."""
    verification = pen.verify(bundle)
    assert repr(verification).startswith("<Verification: The bundle is intact and equal to its own golden vectors")
    assert "largest error" in str(verification)
    assert "<table" in verification._repr_html_()
    assert list(verification.to_frame().columns) == ["name", "largest_error", "tolerance", "passed"]
    assert repr(run).startswith(f"<Run: {run.folder}, complete")
    assert "s-PEN" in str(run)
    assert "s-PEN" in run.to_dict()["validation"]
    people = pen.load_dataset(SPEC, size=32)
    assert list(people.to_frame().columns) == ["subject", "role", "time_s", "valence", "arousal"]
    assert len(pen.inspect_dataset(people).to_frame()) == 3


def test_without_pandas_a_frame_is_refused_in_one_line(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(pen.BadInput, match="pip install pandas"):
        pen.verify(bundle).to_frame()


def test_a_second_export_is_a_copy(small_run: Path, tmp_path: Path) -> None:
    """Neither is signed: a signed export neither takes nor leaves anything in the run."""
    run = shutil.copytree(small_run, tmp_path / "run", ignore=shutil.ignore_patterns("bundle"))
    first, again = (pen.export(run, tmp_path / name, recipe="android-fp32") for name in ("first", "again"))
    assert (first.again, again.again) == (False, True)
    assert again.path == str(tmp_path / "again")


def test_what_is_wrong_is_an_error_of_the_family(run: pen.Run, tmp_path: Path) -> None:
    """Before anything is drawn or made."""
    with pytest.raises(pen.BadInput, match=r"unknown backbone 'resnet81'; did you mean 'resnet18'"):
        pen.train("synthetic:seconds=1e6", tmp_path / "run", backbone="resnet81")
    with pytest.raises(pen.BadInput, match="did you mean 'android-int8'"):
        pen.export(run, tmp_path / "bundle", recipe="andriod-int8")
    with pytest.raises(pen.BundleError):
        pen.verify(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_progress_is_shown_on_request_and_nothing_else(bundle: Path, tmp_path: Path) -> None:
    """Both streams of a process that uses the library, C++ included: nothing; with progress, only its lines."""
    io.imsave(tmp_path / "face.png", np.full((32, 32, 3), 127, np.uint8), check_contrast=False)
    code = (
        "import sys, pen_mobile as pen\n"
        f"pen.verify({str(bundle)!r})\n"
        f"pen.evaluate({str(bundle)!r}, {SPEC!r}, labels=10)\n"
        f"with pen.Phone.open({str(bundle)!r}) as phone:\n"
        f"    phone.predict({str(tmp_path / 'face.png')!r}, aligned=True)\n"
        "print('printed'); print('and this', file=sys.stderr)\n"
        "import os; os.write(1, b'by descriptor\\n')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "printed\nby descriptor\n"
    assert done.stderr == "and this\n"
    code = f"import pen_mobile as pen\npen.evaluate({str(bundle)!r}, {SPEC!r}, labels=10, progress=True)\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == ""
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == ["rendering faces", "adapting on the phone"]
