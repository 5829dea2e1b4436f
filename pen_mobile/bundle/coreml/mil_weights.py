"""The numbers that a Core ML package stores, read back from its files, to compare with the converted ones."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pen_mobile.errors import BadInput, PenMobileError, one_line
from pen_mobile.utils.library_patches import import_coremltools

Arrays = dict[str, NDArray[Any]]

_WEIGHTS = Path("Data", "com.apple.CoreML", "weights")


def stored_weights(package: Path) -> Arrays:
    """Return every number that a saved package stores, as stored (codes, scales and tables stay apart), by name.

    Args:
        package: the package's folder.

    Raises:
        BadInput: it is no package.
    """
    return constants(read_main(package))


def constants(function: Any) -> Arrays:
    """Return every numeric constant of a MIL function, by name; parts of compressed weights as ``name.part``.

    Args:
        function: of a MIL program.
    """
    found: dict[str, Any] = {}
    for operation in function.operations:
        output = operation.outputs[0]
        if operation.op_type.startswith("constexpr_"):
            # Its parts have no names of their own in the file.
            found |= {f"{output.name}.{part}": variable.val for part, variable in operation.inputs.items()}
        elif operation.op_type == "const" and not _only_compressed(output):
            found[output.name] = output.val
    arrays = {name: np.asarray(value) for name, value in found.items()}
    return {name: array for name, array in arrays.items() if array.dtype.kind in "fiu"}


def weights_digest(weights: Arrays) -> str:
    """Return the SHA-256 over names, number formats, shapes and values of weights, in order of their names.

    Args:
        weights: by name.
    """
    sha = hashlib.sha256()
    for name, values in sorted(weights.items()):
        sha.update(f"{name} {values.dtype.str} {list(values.shape)}\n".encode())
        sha.update(np.ascontiguousarray(values).tobytes())
    return sha.hexdigest()


def different_weights(found: Arrays, expected: Arrays) -> list[str]:
    """Return the names under which two sets of weights differ in any bit, or that only one of them has.

    Args:
        found, expected: weights by name.
    """
    both = set(found) & set(expected)
    return sorted(set(found) ^ set(expected) | {name for name in both if not _same(found[name], expected[name])})


def _same(left: NDArray[Any], right: NDArray[Any]) -> bool:
    return (left.dtype, left.shape, left.tobytes()) == (right.dtype, right.shape, right.tobytes())


def _only_compressed(constant: Any) -> bool:
    users = constant.child_ops
    return bool(users) and all(user.op_type.startswith("constexpr_") for user in users)


def read_main(path: Path) -> Any:
    """Return the main function of a saved package as coremltools reads it.

    Args:
        path: the package's folder.

    Raises:
        BadInput: it is no package, or one that coremltools cannot read.
    """
    import_coremltools()
    from coremltools.converters.mil.frontend.milproto.load import load
    from coremltools.models.utils import load_spec

    if not (path / "Manifest.json").is_file():
        raise BadInput(f"{path} is not a Core ML package")
    with explained(f"{path.name}: coremltools cannot read this package"):
        spec = load_spec(str(path))
        return load(spec, spec.specificationVersion, str(path / _WEIGHTS)).functions["main"]


@contextmanager
def explained(summary: str) -> Iterator[None]:
    """Turn into one line whatever coremltools, its C++ code and protobuf raise on a broken package.

    Args:
        summary: beginning of the line.
    """
    try:
        yield
    except PenMobileError:
        raise
    except Exception as error:  # noqa: BLE001
        raise BadInput(f"{summary}: {one_line(f'{type(error).__name__}: {error}')}") from None
