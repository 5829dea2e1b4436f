"""``pen-mobile doctor``: what works on this machine."""

from __future__ import annotations

import click

from pen_mobile.cli.output import Output, output_options
from pen_mobile.utils.table import Table


@click.command()
@output_options
def doctor(output: Output) -> None:
    """Check what works on this machine, what does not, and why."""
    from pen_mobile.bundle.doctor import examine

    findings = examine()
    broken = [finding.name for finding in findings if finding.status == "broken"]
    rows = [(finding.name, finding.status, finding.detail) for finding in findings]
    output.finish(
        {"ok": not broken, "findings": [finding.to_dict() for finding in findings]},
        [Table(("what", "status", "detail"), rows), f"broken: {', '.join(broken) or 'nothing'}"],
        refused=bool(broken),
    )
