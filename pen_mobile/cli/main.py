"""The command line: the group of all commands, and what becomes of an error."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys

import click

from pen_mobile.cli.adapt import adapt
from pen_mobile.cli.benchmark import benchmark
from pen_mobile.cli.data import data
from pen_mobile.cli.demo import demo
from pen_mobile.cli.doctor import doctor
from pen_mobile.cli.export import export
from pen_mobile.cli.phone import phone
from pen_mobile.cli.predict import predict
from pen_mobile.cli.protocol import protocol
from pen_mobile.cli.session import BAD_INPUT, EXIT_CODES, INTERRUPTED, OUR_FAULT, Session
from pen_mobile.cli.simulate_day import simulate_day
from pen_mobile.cli.supervision import is_supervised, supervise
from pen_mobile.cli.train import train
from pen_mobile.cli.verify import verify
from pen_mobile.errors import PenMobileError
from pen_mobile.utils.gc_tuning import collect_rarely
from pen_mobile.utils.memory_return import return_freed_memory
from pen_mobile.utils.silence import SHOW_VARIABLE
from pen_mobile.utils.text import visible

_INTERRUPTED = "interrupted; nothing half-written was left, and the same command goes on or starts again"
_REPORT_IT = (
    "this is a fault of pen-mobile: please open an issue with what 'pen-mobile --debug ...' (the same command) and "
    "'pen-mobile doctor' print"
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}, epilog=EXIT_CODES)
@click.version_option(package_name="pen-mobile", prog_name="pen-mobile")
@click.option("--debug", is_flag=True, help="Show warnings and log lines of libraries, and tracebacks.")
@click.pass_context
def cli(context: click.Context, debug: bool) -> None:
    """Adapt one affect model to each phone's owner.

    Learn from source people, export to ExecuTorch, verify, and adapt to a new person in the runtime
    that runs on phones. Start with 'pen-mobile demo'.
    """
    if isinstance(context.obj, Session):
        context.obj.debug = debug
    if debug:
        os.environ[SHOW_VARIABLE] = "1"  # for the processes that this one starts, too


for _command in (demo, doctor, data, train, protocol, export, verify, predict, adapt, simulate_day, phone, benchmark):
    cli.add_command(_command)


def main() -> None:
    """Run the command line and exit with one of the codes of :data:`EXIT_CODES`."""
    from pen_mobile.cli.console import open_closed_streams

    open_closed_streams()
    collect_rarely()
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
            signal.signal(number, signal.default_int_handler)
    session = Session(as_json="--json" in sys.argv[1:])
    code = _run_supervised(session) if is_supervised(sys.argv[1:]) else _run(session)
    with contextlib.suppress(OSError):
        session.out.flush()
    _forget_interruption()
    return_freed_memory()  # the end of the process, torch's libraries above all, takes 125 MB beside what is held
    sys.exit(code)


def _run_supervised(session: Session) -> int:
    try:
        code = supervise(session.fail)
    except PenMobileError as error:
        return session.fail(error.exit_code, str(error))
    return _run(session) if code is None else code


def _forget_interruption() -> None:
    """Let the exit code be ours, also after Ctrl-C inside ``exec`` of a string (``dataclasses``, ``namedtuple``).

    CPython remembers such an interruption although it was handled, and ends the process by SIGINT in place of the exit
    code; running any string resets that memory (``run_eval_code_obj`` in ``Python/pythonrun.c``).
    """
    exec("")


def _run(session: Session) -> int:
    try:
        return int(cli(prog_name="pen-mobile", standalone_mode=False, obj=session) or 0)
    except click.exceptions.Abort:
        return session.fail(INTERRUPTED, _INTERRUPTED)
    except click.ClickException as error:
        return _show_usage(session, error)
    except PenMobileError as error:
        return session.fail(error.exit_code, str(error))
    except Exception as error:
        if session.debug:
            raise
        return session.fail(*_explain(error))


def _show_usage(session: Session, error: click.ClickException) -> int:
    if session.as_json:
        return session.fail(error.exit_code, error.format_message())
    usage = io.StringIO()
    error.show(file=usage)
    click.echo(visible(usage.getvalue()), nl=False, file=session.err)
    return error.exit_code


def _explain(error: Exception) -> tuple[int, str]:
    """Return exit code and message for what nobody expected: faults of the system, and our own."""
    from pen_mobile.utils.system_libraries import explain

    library = explain(error)
    if library is not None:
        return BAD_INPUT, library
    if isinstance(error, MemoryError):
        return BAD_INPUT, "out of memory"
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename is not None else ""
        return BAD_INPUT, f"{where}{error.strerror}"
    return OUR_FAULT, f"{type(error).__name__}: {error}; {_REPORT_IT}"


if __name__ == "__main__":
    main()
