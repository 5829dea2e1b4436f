"""The paper's evaluation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pen_mobile.api.calls import Place, Shown, public
from pen_mobile.utils.progress_display import progress_of

if TYPE_CHECKING:
    from pen_mobile.paper.protocol_plan import ProtocolPlan
    from pen_mobile.paper.protocol_result import ProtocolResult
    from pen_mobile.paper.protocol_summary import Summary


@public
def run_protocol(
    source: Place,
    out: Place,
    plan: ProtocolPlan | None = None,
    *,
    data: Place | None = None,
    jobs: int | None = None,
    device: str = "cpu",
    progress: Shown = False,
) -> tuple[ProtocolResult, Summary]:
    """Run the paper's evaluation (Tables 1 and 2, Figs. 2 to 4) into a folder.

    The same call goes on after an interruption; a finished part is not done twice.

    Args:
        source: a table of features, or a run whose backbone makes them.
        out: folder to make, or to go on with.
        plan: settings; None is the paper's.
        data: where the data of a run are now.
        jobs: processes; one for each processor when None.
        device: ``auto``, ``cpu`` or ``cuda``.
        progress: True shows progress.

    Returns:
        Every cell, and its summary over seeds.

    Raises:
        BadInput: ``out`` holds something else, or the data cannot be evaluated so.
    """
    from pen_mobile.paper.protocol import run_protocol as run
    from pen_mobile.paper.protocol_plan import ProtocolPlan

    place = None if data is None else str(data)
    settings = ProtocolPlan() if plan is None else plan
    return run(str(source), settings, Path(out), data=place, jobs=jobs, device=device, progress=progress_of(progress))
