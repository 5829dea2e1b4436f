"""How large and how fast a bundle is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pen_mobile.api.calls import Place, Shown, as_path, public
from pen_mobile.utils.progress_display import progress_of

if TYPE_CHECKING:
    from pen_mobile.evaluation.benchmark.result import BundleBenchmark


@public
def benchmark(
    bundle: Place,
    *,
    threads: Sequence[int] = (1, 2),
    calls: int = 50,
    log: Place | None = None,
    public_key: Place | None = None,
    progress: Shown = False,
) -> BundleBenchmark:
    """Measure every method of a bundle in the runtime of this machine, or read what a phone measured.

    Args:
        bundle: folder or archive; for ExecuTorch.
        threads: sizes of the runtime's thread pool to measure.
        calls: of every method, after some to warm up.
        log: what a phone printed (see :func:`write_phone_benchmark`); then nothing is run here.
        public_key: PEM file with the maker's key; a bundle not signed with it is refused.
        progress: True shows progress.

    Returns:
        Sizes, load times, latencies and peak memory, with the instruction set.

    Raises:
        BadInput: a Core ML bundle, or a log without times of this bundle.
        BundleError: the bundle is damaged, or not signed with the key.
    """
    from pen_mobile.contract.bundle_folder import open_bundle
    from pen_mobile.evaluation.benchmark.measure import benchmark_bundle
    from pen_mobile.evaluation.benchmark.phone_log import read_phone_log

    opened = open_bundle(Path(bundle), as_path(public_key))
    if log is not None:
        return read_phone_log(opened, Path(log))
    return benchmark_bundle(opened, threads, calls, progress_of(progress))


@public
def write_phone_benchmark(
    bundle: Place,
    folder: Place,
    *,
    threads: Sequence[int] = (1, 2),
    calls: int = 50,
    public_key: Place | None = None,
) -> None:
    """Write programs, inputs and steps to measure a bundle on a phone with ExecuTorch's own runner.

    Args:
        bundle: folder or archive; for ExecuTorch.
        folder: to make; its ``README.md`` has the steps for Android and iPhone.
        threads: sizes of the runtime's thread pool to measure.
        calls: of every method.
        public_key: PEM file with the maker's key; a bundle not signed with it is refused.

    Raises:
        BadInput: ``folder`` exists, or a Core ML bundle.
        BundleError: the bundle is damaged, or not signed with the key.
    """
    from pen_mobile.contract.bundle_folder import open_bundle
    from pen_mobile.evaluation.benchmark.phone_folder import write_phone_folder

    write_phone_folder(open_bundle(Path(bundle), as_path(public_key)), Path(folder), threads, calls)
