"""``pen-mobile simulate-day``: a person's day with a phone, on a virtual clock."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pen_mobile.cli.completion import complete_profile, complete_query
from pen_mobile.cli.options import PATH, data_option, public_key_option, seed_option
from pen_mobile.cli.output import Output, output_options


@click.command("simulate-day")
@click.argument("bundle", type=PATH)
@data_option
@public_key_option
@click.option("--subject", required=True, help="Person whose day is simulated.")
@click.option("--out", required=True, type=PATH, help="Folder to make.")
@click.option(
    "--profile",
    default="phone-2021",
    show_default=True,
    shell_complete=complete_profile,
    help="Built-in device, or a profile file.",
)
@click.option(
    "--ask",
    default="random",
    show_default=True,
    shell_complete=complete_query,
    help="How moments to ask about are chosen (docs/day.md).",
)
@click.option(
    "--budget",
    "per_hour",
    type=click.FloatRange(0, min_open=True),
    default=4.0,
    show_default=True,
    help="Questions an hour of the day.",
)
@click.option(
    "--hours",
    type=click.FloatRange(0, min_open=True),
    default=16.0,
    show_default=True,
    help="Stretch the recording to a day of so many hours.",
)
@click.option("--own-pace", is_flag=True, help="Replay the recording at its own pace instead.")
@click.option("--start", default="07:00", show_default=True, help="When the day begins.")
@click.option("--seeds", "seed_count", type=click.IntRange(1), default=1, show_default=True, help="How many days.")
@seed_option("The first of them.")
@click.option("--smooth", is_flag=True, help="Smooth the estimates with a One-Euro filter.")
@output_options
def simulate_day(
    bundle: Path,
    data: str,
    subject: str,
    out: Path,
    hours: float,
    own_pace: bool,
    seed_count: int,
    seed: int,
    output: Output,
    **options: Any,
) -> None:
    """Replay a recording as a day with a phone.

    The phone estimates, asks for labels, and adapts when its profile allows. The device profile sets the conditions
    (charging, idle, not too warm); its limits on memory, storage and threads are enforced. Baselines are never
    adapting, adapting to every label, and the mean of the person's own labels.
    """
    import pen_mobile
    from pen_mobile.simulation.day_report import day_parts

    day = pen_mobile.simulate_day(
        bundle,
        data,
        subject,
        out,
        hours=None if own_pace else hours,
        seeds=range(seed, seed + seed_count),
        progress=output.progress,
        **options,
    )
    output.finish({"out": str(out)} | day.to_dict(), [*day_parts(day), f"{out}: day.png, day.html and day.json"])
