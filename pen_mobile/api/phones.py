"""Phones: adapted to people, in a test or through a day."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pen_mobile.api.calls import Place, Shown, as_path, as_table, public
from pen_mobile.utils.progress_display import progress_of

if TYPE_CHECKING:
    from pen_mobile.data.table import SubjectTable
    from pen_mobile.evaluation.person_result import Personalization, PersonResult
    from pen_mobile.simulation.day_result import SimulatedDay


@public
def evaluate(
    bundle: Place,
    data: SubjectTable | Place,
    *,
    labels: int = 60,
    seed: int = 0,
    public_key: Place | None = None,
    progress: Shown = False,
) -> Personalization:
    """Adapt a phone with an empty store to every target person, and test it on time that it has not seen.

    Args:
        bundle: folder or archive.
        data: people, or where they are, as :func:`load_dataset` takes it.
        labels: labelled moments that each person gives, from the first half of the recording.
        seed: decides which moments.
        public_key: PEM file with the maker's key; a bundle not signed with it is refused.
        progress: True shows progress.

    Raises:
        BadInput: the bundle or the data cannot be used.
    """
    from pen_mobile.contract.bundle_folder import open_bundle
    from pen_mobile.evaluation.personalization import personalize

    shown = progress_of(progress)
    opened = open_bundle(Path(bundle), as_path(public_key))
    table = as_table(data, opened.manifest.frame_size, shown, opened.manifest.labelling)
    return personalize(opened, table, labels, seed, shown)


@public
def adapt_person(
    bundle: Place,
    data: SubjectTable | Place,
    subject: str,
    store: Place,
    *,
    labels: int = 60,
    strategy: str | None = None,
    optimizer: str | None = None,
    seed: int = 0,
    key: bytes | None = None,
    public_key: Place | None = None,
    allow_older: bool = False,
    progress: Shown = False,
) -> PersonResult:
    """Adapt one person's phone to labels of the first half of a recording, and test it on the second half.

    Args:
        bundle: folder or archive.
        data: people, or where they are, as :func:`load_dataset` takes it.
        subject: the person.
        store: the person's store; made when it is not there.
        labels: labelled moments to draw.
        strategy: one that the bundle carries; None is the bundle's own.
        optimizer: of gradient steps; None is the bundle's own.
        seed: decides which moments.
        key: 32 bytes that open an encrypted store, or encrypt a new one.
        public_key: PEM file with the maker's key; a bundle not signed with it is refused.
        allow_older: take a bundle with a lower serial than the store has seen.
        progress: True shows progress.

    Raises:
        BadInput: nobody of that name, a strategy that the bundle does not carry, or a store of another bundle.
    """
    from pen_mobile.contract.adaptation_plan import adaptation_plan
    from pen_mobile.contract.bundle_folder import open_bundle
    from pen_mobile.evaluation.personalization import adapt_one
    from pen_mobile.phone.phone import Phone
    from pen_mobile.phone.store.options import StoreOptions

    shown, opened = progress_of(progress), open_bundle(Path(bundle), as_path(public_key))
    adaptation_plan(opened.manifest, strategy, optimizer)  # a wrong name is refused before people are drawn
    table = as_table(data, opened.manifest.frame_size, shown, opened.manifest.labelling)
    table.rows_of(subject)  # a wrong name is refused before a store is made
    with Phone.open(opened, store, options=StoreOptions(key=key, allow_older_bundle=allow_older)) as phone:
        if phone.store.change is not None:
            shown.say(f"{store}: {phone.store.change}")
        result = adapt_one(phone, table, subject, labels, seed, strategy=strategy, optimizer=optimizer)
        for notice in phone.store.notices:
            shown.say(notice)
        return result


@public
def simulate_day(
    bundle: Place,
    data: Place,
    subject: str,
    out: Place,
    *,
    profile: str = "phone-2021",
    ask: str = "random",
    per_hour: float = 4.0,
    hours: float | None = 16.0,
    start: str = "07:00",
    seeds: Sequence[int] = (0,),
    smooth: bool = False,
    public_key: Place | None = None,
    progress: Shown = False,
) -> SimulatedDay:
    """Replay a recording as a person's day with a phone, into a folder with figure, page and numbers.

    Args:
        bundle: folder or archive.
        data: where people are, as :func:`load_dataset` takes it.
        subject: the person.
        out: folder to make.
        profile: name of a built-in device profile, or a profile file.
        ask: how the moments to ask about are chosen.
        per_hour: questions per hour of the day.
        hours: length of the day to which the recording is stretched; None keeps its own pace.
        start: begin of the day, ``HH:MM``.
        seeds: one day is simulated for each.
        smooth: pass estimates through a One-Euro filter.
        public_key: PEM file with the maker's key; a bundle not signed with it is refused.
        progress: True shows progress.

    Raises:
        BadInput: ``out`` exists, a name is unknown, or the bundle does not fit the data.
    """
    from pen_mobile.contract.bundle_folder import open_bundle
    from pen_mobile.simulation.day_result import DaySettings
    from pen_mobile.simulation.device_profile import load_profile
    from pen_mobile.simulation.run_day import run_day

    device = load_profile(profile)
    settings = DaySettings(subject, device, ask, per_hour, hours, start, tuple(seeds), smooth)
    opened = open_bundle(Path(bundle), as_path(public_key))
    return run_day(opened, str(data), settings, Path(out), progress_of(progress))
