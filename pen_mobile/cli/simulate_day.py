"""``pen-mobile simulate-day``: a person's day with a phone, on a virtual clock."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pen_mobile.cli.options import PATH
from pen_mobile.cli.output import Output, output_options
from pen_mobile.utils.table import Table, invented

if TYPE_CHECKING:
    from pen_mobile.simulation.day_result import SimulatedDay


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
    output.finish({"out": str(out)} | document, [*_parts(day), f"{out}: day.png, day.html and day.json"])


def _parts(day: SimulatedDay) -> list[str | Table]:
    from pen_mobile.simulation.day_result import ESTIMATORS

    head = ("over the day", "CCC valence", "CCC arousal", "RMSE valence", "RMSE arousal")
    rows = [(estimator, *(_cell(value) for value in day.mean_quality(estimator).values())) for estimator in ESTIMATORS]
    return [
        Table(head, rows),
        f"{day.settings.subject}: {day.pace_line}{invented(day.synthetic)}",
        f"asked {day.query_count:g} times ({day.settings.ask}), {_adaptations(day)}",
        *_device_lines(day),
    ]


def _adaptations(day: SimulatedDay) -> str:
    attempts = [attempt for one in day.days for attempt in one.trace.attempts]
    accepted = sum(attempt.accepted for attempt in attempts)
    over = f" in {len(day.days)} days" if len(day.days) > 1 else ""
    return f"adapted {accepted} of {len(attempts)} times{over}"


def _device_lines(day: SimulatedDay) -> list[str]:
    profile, lines = day.settings.profile, []
    frame_s = day.frame_host_seconds * profile.slowdown
    times = [f"a frame {frame_s * 1e3:.0f} ms"] if frame_s else []
    if day.device_seconds is not None:
        times.append(f"an adaptation {day.device_seconds:.2g} s")
    if times:
        lines.append(f"estimated on {profile.name}: {', '.join(times)} (this machine x {profile.slowdown:g})")
    if frame_s > day.median_gap_s:
        lines.append(f"{profile.name} cannot keep up: the next frame comes after {day.median_gap_s * 1e3:.0f} ms")
    refused = [reason for one in day.days for reason in one.trace.refused]
    if refused:
        lines.append(f"refused {len(refused)} times: {refused[0]}")
    if profile.memory_mb is not None and not day.memory_enforced:
        lines.append("this system cannot limit memory; memory_mb was not enforced")
    return lines


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
