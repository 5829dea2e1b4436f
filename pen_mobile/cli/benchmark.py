"""``pen-mobile benchmark``: how large and how fast a bundle is, here and on a phone."""

from __future__ import annotations

from pathlib import Path

import click

from pen_mobile.cli.options import PATH, public_key_option
from pen_mobile.cli.output import Output, output_options
from pen_mobile.errors import BadInput


@click.command()
@click.argument("bundle", type=PATH)
@click.option(
    "--threads",
    type=click.IntRange(1, 64),
    multiple=True,
    default=(1, 2),
    show_default=True,
    help="Size of the runtime's thread pool; may be given several times.",
)
@click.option("--calls", type=click.IntRange(1, 100_000), default=50, show_default=True, help="Calls of every method.")
@click.option("--for-phone", type=PATH, help="Folder to make: programs, inputs and steps for ExecuTorch's own runner.")
@click.option("--read", "log", type=PATH, help="Log of a phone to show in the same table; nothing is run here.")
@public_key_option
@output_options
def benchmark(
    bundle: Path,
    threads: tuple[int, ...],
    calls: int,
    for_phone: Path | None,
    log: Path | None,
    public_key: Path | None,
    output: Output,
) -> None:
    """Measure size, load time, latency and peak memory of a bundle.

    Every method of BUNDLE, a folder or an archive, runs in the real runtime of this machine, each number of threads in
    a process of its own. --for-phone prepares the same for a phone, and --read shows what the phone found.
    """
    import pen_mobile

    if for_phone is not None and log is not None:
        raise BadInput("--for-phone prepares a measurement and --read shows one; give one of them")
    if for_phone is not None:
        pen_mobile.write_phone_benchmark(bundle, for_phone, threads=threads, calls=calls, public_key=public_key)
        said = f"{for_phone}: programs, inputs and steps; read its README.md, then run --read with the phone's log"
        output.finish({"bundle": str(bundle), "folder": str(for_phone)}, [said])
        return
    result = pen_mobile.benchmark(
        bundle, threads=threads, calls=calls, log=log, public_key=public_key, progress=output.progress
    )
    output.finish(result.to_dict(), result.as_parts())
