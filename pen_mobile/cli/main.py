"""The command line: every command parses, calls one function, and prints."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from pen_mobile.cli.data import data
from pen_mobile.cli.key_options import key_option, public_key_option, read_key
from pen_mobile.cli.output import PATH, Output, output_options
from pen_mobile.cli.phone import phone
from pen_mobile.cli.predict import predict
from pen_mobile.cli.protocol import protocol
from pen_mobile.cli.simulate_day import simulate_day
from pen_mobile.errors import BadInput, PenMobileError
from pen_mobile.utils.gc_tuning import collect_rarely
from pen_mobile.utils.table import Table, invented

if TYPE_CHECKING:
    from pen_mobile.phone.adaptation.adapt import AdaptationResult


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="pen-mobile", prog_name="pen-mobile")
@click.option("--debug", is_flag=True, help="Show warnings and log lines of libraries, and tracebacks.")
@click.pass_context
def cli(context: click.Context, debug: bool) -> None:
    """Make one affect model each phone owner's own.

    Learn from source people, export to ExecuTorch, verify, and adapt to a new person in the runtime
    that runs on phones. Start with 'pen-mobile demo'.
    """
    if context.obj is not None:
        context.obj.debug = debug


@cli.command()
@click.option("--out", default="demo", show_default=True, type=PATH, help="Folder to make.")
@click.option(
    "--labels",
    type=click.IntRange(1),
    default=60,
    show_default=True,
    help="Labelled moments that each target person gives.",
)
@click.option("--seed", default=0, show_default=True, help="Decides the people, the weights and every draw.")
@output_options
def demo(out: Path, labels: int, seed: int, as_json: bool, quiet: bool) -> None:
    """Everything in minutes, on invented people: learn, export, verify, adapt, report."""
    from pen_mobile.simulation.demo import run_demo

    output = Output(as_json, quiet)
    outcome = run_demo(out, labels, seed, output.progress)
    output.finish(outcome.as_json(), outcome.as_parts())


@cli.command()
@output_options
def doctor(as_json: bool, quiet: bool) -> None:
    """Say what works on this machine, what does not, and why."""
    from pen_mobile.bundle.doctor import examine

    output = Output(as_json, quiet)
    findings = examine()
    broken = [finding.name for finding in findings if finding.status == "broken"]
    rows = [(finding.name, finding.status, finding.detail) for finding in findings]
    output.finish(
        {"ok": not broken, "findings": [finding.as_json() for finding in findings]},
        [Table(("what", "status", "detail"), rows)],
    )
    if broken:
        raise BadInput(f"broken here: {', '.join(broken)}; see the details above")


@cli.command()
@click.argument("data")
@click.option("--out", required=True, type=PATH, help="Run folder to make, or to resume.")
@click.option("--config", type=PATH, help="TOML file with any of the settings (see docs/training.md).")
@click.option("--backbone", help="torchvision network, such as resnet50 or mobilenet_v3_small.")
@click.option("--weights", help="'none', 'imagenet' or the path of a weights file.")
@click.option("--input-size", type=int, help="Side of the backbone's square input, pixels.")
@click.option("--max-steps", type=int, help="Stop every stage after this many steps; for trying things out.")
@click.option("--seed", type=int, help="Decides initial weights, splits and the order of batches.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or mps.")
@click.option("--devices", default=1, show_default=True, help="How many of them.")
@click.option("--precision", default="32-true", show_default=True, help="Lightning Fabric's, such as bf16-mixed.")
@output_options
def train(
    data: str,
    out: Path,
    config: Path | None,
    device: str,
    devices: int,
    precision: str,
    as_json: bool,
    quiet: bool,
    **settings: Any,
) -> None:
    """Learn backbone, shared head and experts from the source people of DATA (Algorithm 1).

    DATA is 'synthetic' (or 'synthetic:sources=3,targets=1,seconds=20,fps=2'), a .csv or .parquet table
    of images, or .npz features. The same command resumes a run that was interrupted.
    """
    from pen_mobile.data.load import load_table
    from pen_mobile.training.config import LearningConfig
    from pen_mobile.training.source_training import learn_source, make_fabric

    output = Output(as_json, quiet)
    resolved = LearningConfig.load(config, **settings)
    fabric = make_fabric(device, devices, precision)
    if not fabric.is_global_zero:
        output.mute()
    table = load_table(data, resolved.input_size, output.progress)
    run = learn_source(table, resolved, out, fabric, output.progress)
    record, synthetic = run.record, run.record.data["synthetic"]
    rows = [(name, *_agreement_cells(values)) for name, values in record.validation.items()]
    output.finish(
        {
            "run": str(out),
            "validation": record.validation,
            "stages": record.stages,
            "synthetic": synthetic,
        },
        [
            Table(("model", "CCC valence", "CCC arousal", "RMSE valence", "RMSE arousal"), rows),
            f"{out}: held-out rows of {record.expert_count} source people{invented(synthetic)}",
            *([_COPIES] if record.experts_are_copies else []),
        ],
    )


@cli.command()
@click.argument("run", type=PATH)
@click.option("--recipe", default="android-fp32", show_default=True, help="Built-in name, or a recipe file.")
@click.option("--out", required=True, type=PATH, help="Bundle folder to make, or archive when it ends in .zip.")
@click.option("--data", help="Where the data of RUN are now; int8 is calibrated on them.")
@click.option("--sign-key", type=PATH, help="PEM private key on P-256 (prime256v1) to sign the bundle with.")
@output_options
def export(
    run: Path, recipe: str, out: Path, data: str | None, sign_key: Path | None, as_json: bool, quiet: bool
) -> None:
    """Turn the trained RUN into a verified bundle for phones.

    RUN/lowered keeps what was made: the same export again is a copy of it. It may be deleted at any time.
    """
    from pen_mobile.bundle.export_cache import export_again
    from pen_mobile.bundle.recipe import load_recipe

    output, wanted = Output(as_json, quiet), load_recipe(recipe)
    exported = export_again(run, wanted, out, sign_key)
    if exported is None:
        from pen_mobile.bundle.export import export_bundle
        from pen_mobile.training.run_folder import Run

        exported = export_bundle(Run.open(run), wanted, out, output.progress, data, sign_key)
    done = (
        "exported again, byte for byte as it was verified here before," if exported.again else "exported and verified"
    )
    output.finish(
        {"bundle": str(out)} | exported.as_json(),
        [
            Table(("file", "bytes"), [(name, f"{size:,}") for name, size in exported.bytes.items()]),
            *_int8_lines(exported.quantization),
            Table(_CHECK_HEAD, _check_rows(exported.verification)),
            *_verification_lines(exported.verification),
            f"{out}: {done} in {sum(exported.seconds.values()):.1f} s: {exported.verification.scope}",
        ],
    )


@cli.command()
@click.argument("bundle", type=PATH)
@public_key_option
@click.option("--golden-to", type=PATH, help="Write the golden vectors there as plain numbers, for an app's tests.")
@output_options
def verify(bundle: Path, public_key: Path | None, golden_to: Path | None, as_json: bool, quiet: bool) -> None:
    """Check every byte of BUNDLE, a folder or an archive, and run its golden vectors in the real runtime.

    Core ML programs are evaluated as written; Apple's runtime exists on Apple systems only.
    """
    from pen_mobile.bundle.verify_in_subprocess import verify_in_subprocess
    from pen_mobile.contract.bundle_folder import open_bundle

    output = Output(as_json, quiet)
    opened = open_bundle(bundle, public_key)
    verification = verify_in_subprocess(opened)
    if golden_to is not None:
        from pen_mobile.bundle.verify import write_golden

        write_golden(opened, golden_to)
    signature = "valid" if public_key is not None else "not checked" if opened.signed else "none"
    output.finish(
        {"bundle": str(bundle), "signature": signature} | verification.as_json(),
        [
            Table(_CHECK_HEAD, _check_rows(verification)),
            f"{bundle}: every file is as exported; CCC to the float model {_cell(verification.agreement.ccc)}",
            f"signature: {_SIGNATURES[signature]}",
            f"checked: {verification.scope}",
            *_verification_lines(verification),
        ],
    )
    failed = [check.name for check in verification.checks if not check.passed]
    if failed:
        raise BadInput(f"{bundle}: differs from the float model in {', '.join(failed)}; export it again")


@cli.command()
@click.argument("bundle", type=PATH)
@click.option("--data", required=True, help="As for train: 'synthetic...', a table or features.")
@click.option("--subject", required=True, help="Whose phone it is.")
@click.option("--store", required=True, type=PATH, help="The owner's personal store; made when it is not there.")
@key_option
@public_key_option
@click.option(
    "--labels",
    type=click.IntRange(1),
    default=60,
    show_default=True,
    help="Labelled moments to draw from the first half in time.",
)
@click.option("--strategy", help="offset-ridge or gradient, as the bundle carries them.  [default: the bundle's]")
@click.option("--optimizer", help="Of gradient steps: adadelta, sgd or adam.  [default: the bundle's]")
@click.option("--seed", default=0, show_default=True, help="Decides which moments, what is held out, and the batches.")
@output_options
def adapt(
    bundle: Path,
    data: str,
    subject: str,
    store: Path,
    key_file: Path | None,
    public_key: Path | None,
    labels: int,
    strategy: str | None,
    optimizer: str | None,
    seed: int,
    as_json: bool,
    quiet: bool,
) -> None:
    """Adapt the head of BUNDLE to one person in the real runtime, as that person's phone would.

    Labels come from the first half of the person's recording and are kept in the store; the second
    half tests what changed. The old head stays when held-out labels say that the new one is worse. A
    store that is made with --key-file is encrypted with that key. After Ctrl-C the same command goes on
    where it was, unless the bundle's recipe says otherwise.
    """
    from pen_mobile.contract.bundle_folder import open_bundle
    from pen_mobile.data.load import load_table
    from pen_mobile.evaluation.personalization import adapt_one
    from pen_mobile.phone.phone import Phone
    from pen_mobile.phone.store.options import StoreOptions

    output, key = Output(as_json, quiet), read_key(key_file)
    opened = open_bundle(bundle, public_key)
    table = load_table(data, opened.manifest.frame_size, output.progress)
    table.rows_of(subject)  # a wrong name is refused before a store is made
    with Phone.open(opened, store, options=StoreOptions(key=key)) as phone:
        if phone.store.change is not None:
            output.progress.say(f"{store}: {phone.store.change}")
        result = adapt_one(phone, table, subject, labels, seed, strategy=strategy, optimizer=optimizer)
    rows = [(name, *_agreement_cells(getattr(result, name)._asdict())) for name in ("before", "after", "own_mean")]
    output.finish(
        {"subject": subject, "store": str(store), "synthetic": table.synthetic} | result.to_dict(),
        [
            f"{'accepted' if result.adaptation.accepted else 'refused'}: {result.adaptation.reason}",
            *_adaptation_lines(result.adaptation),
            Table(("second half", "CCC valence", "CCC arousal", "RMSE valence", "RMSE arousal"), rows),
            f"{subject}: the store is {store}{invented(table.synthetic)}",
        ],
    )


cli.add_command(data)
cli.add_command(phone)
cli.add_command(predict)
cli.add_command(protocol)
cli.add_command(simulate_day)


_COPIES = "joint learning never beat its start: every expert is the shared head; try a smaller joint_learning_rate"
_SIGNATURES = {
    "valid": "made with the key that was given",
    "not checked": "there is one; --public-key checks it",
    "none": "none",
}
_CHECK_HEAD = ("check", "largest error", "allowed", "")


def _check_rows(verification: Any) -> list[tuple[str, ...]]:
    return [
        (check.name, f"{check.largest_error:.2e}", f"{check.tolerance:.0e}", "ok" if check.passed else "FAILED")
        for check in verification.checks
    ]


def _verification_lines(verification: Any) -> list[str]:
    skipped = [f"skipped: {name}: {reason}" for name, reason in verification.skipped.items()]
    outside = [
        f"{file}: outside the delegate: {', '.join(operators) or 'nothing'}"
        for file, operators in verification.outside_delegate.items()
    ]
    return skipped + outside


def _int8_lines(part: Any) -> list[Any]:
    if part is None:
        return []
    rows = [
        (", ".join(trial.float_blocks) or "nothing", f"{trial.ccc_loss:.4f}", f"{trial.cosine:.4f}")
        for trial in part.tried
    ]
    return [Table(("tried: stays in float", f"CCC loss (at most {part.max_ccc_loss:g})", "cosine"), rows)]


def _adaptation_lines(adaptation: AdaptationResult) -> list[str]:
    done = f"{adaptation.method or 'nothing'}: {adaptation.steps} steps in {adaptation.seconds * 1e3:.0f} ms"
    if adaptation.judged_by is not None:
        blocks = "blocks of time" if adaptation.by_time else "single labels"
        done += f"; judged by {adaptation.judged_by} on {adaptation.judged_on} labels, {blocks}"
    resumed = [] if adaptation.resumed_from is None else [f"went on after {adaptation.resumed_from} steps done before"]
    return [done, *resumed, *([] if adaptation.discarded is None else [adaptation.discarded])]


def _agreement_cells(values: dict[str, float | None]) -> list[str]:
    return [_cell(value) for value in values.values()]


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


@dataclass
class _Session:
    """One run of the command line: whether to show everything, and where errors go."""

    debug: bool = False
    err: IO[str] | None = None


def main() -> None:
    """Run the command line and exit with 0 done, 2 bad input, 130 interrupted, 1 our own fault."""
    collect_rarely()
    session = _Session()
    try:
        cli(prog_name="pen-mobile", standalone_mode=False, obj=session)
    except click.exceptions.Abort:
        _fail(session, 130, "interrupted; nothing half-written was left, and the same command goes on or starts again")
    except click.ClickException as error:
        error.show(file=session.err)
        sys.exit(error.exit_code)
    except PenMobileError as error:
        _fail(session, error.exit_code, f"error: {error}")
    except Exception as error:
        if session.debug:
            raise
        if isinstance(error, OSError) and error.filename is not None:  # what nobody checked before using it
            _fail(session, 2, f"error: {error.filename}: {error.strerror}")
        _fail(session, 1, f"internal error: {type(error).__name__}: {error}; 'pen-mobile --debug ...' shows where")


def _fail(session: _Session, code: int, message: str) -> None:
    click.echo(message, err=True, file=session.err)
    sys.exit(code)


if __name__ == "__main__":
    main()
