"""``pen-mobile verify``: the proof that a bundle answers as the float model does."""

from __future__ import annotations

from pathlib import Path

import click

from pen_mobile.cli.options import PATH, public_key_option
from pen_mobile.cli.output import Output, output_options
from pen_mobile.utils.text import decimal

_SIGNATURES = {
    "valid": "made with the key that was given",
    "not checked": "there is one; --public-key checks it",
    "none": "none, so anybody may have made it",
}


@click.command()
@click.argument("bundle", type=PATH)
@public_key_option
@click.option("--golden-to", type=PATH, help="Write the golden vectors there as plain numbers, for an app's tests.")
@output_options
def verify(bundle: Path, public_key: Path | None, golden_to: Path | None, output: Output) -> None:
    """Check a bundle against the float model.

    Every byte of BUNDLE, a folder or an archive, is checked, and its golden vectors run in the real runtime. Core
    ML programs are evaluated as written; Apple's runtime exists on Apple systems only. The exit code is 3 when the
    bundle differs from its golden vectors. That these are the float model's, only --public-key shows.
    """
    import pen_mobile

    result = pen_mobile.verify(bundle, public_key=public_key, golden_to=golden_to)
    failed = [check.name for check in result.checks if not check.passed]
    other, intact = "its own golden vectors", "intact and equal to its own golden vectors"
    if result.trusted:
        other, intact = "the float model", "every file is as exported"
    output.finish(
        {"bundle": str(bundle)} | result.to_dict(),
        [
            *result.details(),
            *([] if failed else [f"{bundle}: {intact}; CCC to {other} {decimal(result.agreement.ccc)}"]),
            *result.card_lines(),
            f"signature: {_SIGNATURES[result.signature]}",
            f"checked: {result.scope}",
            *result.cautions(),
            *([f"{bundle}: differs from {other} in {', '.join(failed)}; export it again"] if failed else []),
        ],
        refused=bool(failed),
    )
