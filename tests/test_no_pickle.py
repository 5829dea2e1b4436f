"""Nothing that this package reads or writes can run code: no pickle, in no disguise."""

from __future__ import annotations

import ast
import pickle
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import pen_mobile

_MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
_PACKAGE = Path(pen_mobile.__file__).parent
_SOURCES = sorted(_PACKAGE.rglob("*.py")) + sorted((_PACKAGE.parent / "export").glob("*.py"))


def findings(source: str) -> list[str]:
    """Return what in a source file could read or write a pickle."""
    return [found for node in ast.walk(ast.parse(source)) for found in _findings(node)]


def _findings(node: ast.AST) -> Iterator[str]:
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        names = [alias.name for alias in node.names]
        modules = names if isinstance(node, ast.Import) else [node.module or "", *names]
        yield from (name for name in modules if name.split(".")[0] in _MODULES)
    if not isinstance(node, ast.Call):
        return
    call, keywords = ast.unparse(node.func), {word.arg: ast.unparse(word.value) for word in node.keywords}
    if call == "torch.load" and keywords.get("weights_only") != "True":
        yield "torch.load without weights_only=True"
    if call.split(".")[-1] in {"read_pickle", "to_pickle"}:
        yield f"{call}, which is pandas' pickle"
    if call in {"torch.save", "torch.package", "torch.jit.load", "torch.jit.save"}:
        yield call
    if keywords.get("allow_pickle", "False") != "False" or keywords.get("weights_only", "True") != "True":
        yield f"{call} with {keywords}"
    if None in keywords and call in {"np.load", "numpy.load"}:
        yield f"{call} with keywords that nobody can see"


@pytest.mark.parametrize("path", _SOURCES, ids=lambda path: str(path.relative_to(_PACKAGE.parent)))
def test_no_source_file_touches_a_pickle(path: Path) -> None:
    assert findings(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "from pickle import loads",
        "import joblib.numpy_pickle",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "np.load(path, allow_pickle=True)",
        "np.load(path, **options)",
        "torch.save(model, path)",
        "pandas.read_pickle(path)",
        "frame.to_pickle(path)",
    ],
)
def test_the_search_finds_what_it_should(line: str) -> None:
    assert findings(line)


def contents(file: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the name and bytes of a file; of a zip archive, as Core ML's packages are, those of its members too."""
    yield file.name, file.read_bytes()
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            yield from ((member, archive.read(member)) for member in archive.namelist())


def holds_a_pickle(content: bytes) -> bool:
    """Say whether bytes start as a pickle of protocol 2 to 5 does, or hold what ``torch.save`` writes.

    A safetensors file starts with the length of its header in eight bytes, which may be 640, 896, 1,152 or 1,408:
    ``80 02`` to ``80 05`` and six zeros, but then the header's brace follows.
    """
    return re.match(rb"\x80[\x02-\x05](?!\0{6}\{)", content) is not None or b"data.pkl" in content


def test_the_length_of_a_header_is_no_pickle() -> None:
    header = b"{" + b" " * 894 + b"}"  # 896 bytes: 0x0380
    assert not holds_a_pickle(len(header).to_bytes(8, "little") + header)
    assert holds_a_pickle(pickle.dumps([1], protocol=3))


def test_a_run_and_a_bundle_hold_no_pickle(run_folder: Path, bundle_folder: Path) -> None:
    """Checkpoints, caches and programs; other tests may have kept Core ML packages in the run, which are archives."""
    files = [file for folder in (run_folder, bundle_folder) for file in folder.rglob("*") if file.is_file()]
    kinds = {".json", ".bin", ".safetensors", ".npy", ".pte", ".f32", ".sha256", ".sql", ".zip"}
    assert {file.suffix for file in files} <= kinds
    assert list(run_folder.glob("*.safetensors"))
    assert [(file, name) for file in files for name, content in contents(file) if holds_a_pickle(content)] == []


def test_a_pickle_inside_an_archive_is_found(tmp_path: Path) -> None:
    archive = tmp_path / "weights.mlpackage.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as members:
        members.writestr("Manifest.json", "{}")
        members.writestr("weights", pickle.dumps([1.0] * 9))
    assert [name for name, content in contents(archive) if holds_a_pickle(content)] == ["weights"]
