"""``pen-mobile simulate-day``: a person's day with a phone, on a virtual clock."""

from __future__ import annotations

from pathlib import Path

import click

from pen_mobile.cli.options import PATH
from pen_mobile.cli.output import Output, output_options


@click.command("simulate-day")
@click.argument("bundle", type=PATH)
@click.option("--data", required=True, help="As for train: 'synthetic...', a prepared folder, a table or features.")
@click.option("--subject", required=True, help="Whose day it is.")
@click.option("--out", required=True, type=PATH, help="Folder to make.")
@click.option("--profile", default="phone-2021", show_default=True, help="Built-in device, or a profile file.")
@click.option("--ask", default="random", show_default=True, help="How moments to ask about are chosen (docs/day.md).")
@click.option(
    "--budget",
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
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="The first of them.")
@click.option("--smooth", is_flag=True, help="Smooth the estimates with a One-Euro filter.")
@output_options
def simulate_day(
    bundle: Path,
    data: str,
    subject: str,
    out: Path,
    profile: str,
    ask: str,
    budget: float,
    hours: float,
    own_pace: bool,
    start: str,
    seed_count: int,
    seed: int,
    smooth: bool,
    output: Output,
) -> None:
    """Replay a recording as a person's day: the phone estimates, asks for labels, and adapts when its profile allows.

    The device profile sets the conditions (charging, idle, not too warm); its limits on memory, storage and threads are
    enforced. Baselines are never adapting, adapting to every label, and the mean of the person's own labels.
    """
    from pen_mobile.simulation.day_report import day_parts
    from pen_mobile.simulation.day_result import DaySettings
    from pen_mobile.simulation.device_profile import load_profile
    from pen_mobile.simulation.run_day import run_day

    settings = DaySettings(
        subject,
        load_profile(profile),
        ask,
        budget,
        None if own_pace else hours,
        start,
        tuple(range(seed, seed + seed_count)),
        smooth,
    )
    day, document = run_day(bundle, data, settings, out, output.progress)
    output.finish({"out": str(out)} | document, [*day_parts(day), f"{out}: day.png, day.html and day.json"])
