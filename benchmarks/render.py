"""How many frames a second are the invented people drawn at, on one core?"""

from __future__ import annotations

import measure

measure.pin_to_one_core()

import click  # noqa: E402
import cv2  # noqa: E402

from pen_mobile.data.synthetic import SyntheticConfig, synthetic_table  # noqa: E402


@click.command()
@click.option("--quick", is_flag=True, help="Few frames.")
def main(quick: bool) -> None:
    cv2.setNumThreads(1)
    rounds, seconds = (1, 1) if quick else (7, 10)
    sizes = {size: SyntheticConfig(sources=3, targets=3, seconds=seconds, fps=25, size=size) for size in (64, 224)}
    calls = {str(size): lambda config=config: synthetic_table(config) for size, config in sizes.items()}
    found = measure.interleave(calls, rounds, 1)
    rows = []
    for size in sizes:
        rate = measure.summary([6 * seconds * 25 / value for value in found[str(size)]])
        rows.append({"size": f"{size} px", "frames/s": {key: round(value) for key, value in rate.items()}})
        click.echo(f"{size} px: {rate['median']:.0f} frames/s")
    if not quick:
        click.echo(measure.record(str(__doc__).splitlines()[0], rows, seed=0, rounds=rounds))


if __name__ == "__main__":
    main()
