"""A ``pen-mobile`` and a ``run-script`` that start at once, for the documents' commands and for benchmarks.

    python -m tests.warm_commands SOCKET

The process loads torch, ExecuTorch and the like once, then forks for each command that a small program of
:func:`warm_programs` hands over, with its arguments, folder, environment and streams. Loading them takes four seconds,
and the documents have some eighty commands. How commands start from nothing is tested in ``tests/cli``.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent
_LOADED = (
    "matplotlib.pyplot",
    "pen_mobile.bundle.coreml_exporter",
    "pen_mobile.bundle.exporter",
    "pen_mobile.bundle.quantization.int8",
    "pen_mobile.bundle.verify",
    "pen_mobile.cli.main",
    "pen_mobile.paper.protocol",
    "pen_mobile.reports.demo_report",
    "pen_mobile.simulation.simulate_day",
    "pen_mobile.training.source_training",
)
_PROGRAM = """#!{python} -IS
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as connection:
    connection.connect({socket!r})
    job = json.dumps([sys.argv, os.getcwd(), dict(os.environ)]).encode()
    socket.send_fds(connection, [len(job).to_bytes(8, "big")], [0, 1, 2])
    connection.sendall(job)
    sys.exit(int(connection.recv(8) or b"70"))
"""


@functools.cache
def warm_programs() -> Path:
    """Start the process, which ends with this one, and return the folder with ``pen-mobile`` and ``run-script``."""
    kept = tempfile.TemporaryDirectory(prefix="pen-mobile-warm-")
    folder = Path(kept.name)
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.warm_commands", str(folder / "socket")],
        cwd=REPOSITORY,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
    )
    assert server.stdout is not None
    assert server.stdout.readline() == b"ready\n"
    for name in ("pen-mobile", "run-script"):
        (folder / name).write_text(_PROGRAM.format(python=sys.executable, socket=str(folder / "socket")))
        (folder / name).chmod(0o755)

    def end() -> None:
        server.kill()
        server.wait()
        kept.cleanup()

    atexit.register(end)
    return folder


def _serve(path: str) -> None:
    for name in _LOADED:
        importlib.import_module(name)
    _load_libraries()
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the children
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        print("ready", flush=True)
        while True:
            connection, _ = server.accept()
            with connection:
                assert len(list(Path("/proc/self/task").iterdir())) == 1, "a child does not inherit threads"
                if os.fork() == 0:
                    server.close()
                    os._exit(_run(connection))


def _load_libraries() -> None:
    """Load what the package imports inside functions, in the package's own way."""
    from pen_mobile.phone.executorch_runtime import executorch_runtime
    from pen_mobile.utils.library_patches import import_coremltools, import_fabric, xnnpack_partitioner
    from pen_mobile.utils.silence import quiet_libraries

    with quiet_libraries():
        executorch_runtime()
        xnnpack_partitioner()
        import_fabric()
        import_coremltools()


def _run(connection: socket.socket) -> int:
    """Run one command in this process, a child of its own, and say how it ended."""
    header, streams, *_ = socket.recv_fds(connection, 8, 3)
    job = b""
    while len(job) < int.from_bytes(header, "big"):
        job += connection.recv(1 << 16)
    words, folder, environment = json.loads(job)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    command, code = os.getpid(), 70
    try:
        _call(words)
        code = 0
    except SystemExit as ended:
        code = int(ended.code or 0)
    atexit._run_exitfuncs()
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    if os.getpid() == command:  # not a child of the command, which ends here, too
        connection.sendall(str(code).encode())
    return code


def _call(words: list[str]) -> None:
    """Do what the words of a command say: ``pen-mobile ...``, or ``run-script FILE ...``."""
    if Path(words[0]).name == "run-script":
        sys.argv = words[1:]
        sys.path.insert(0, str(Path(words[1]).parent))
        runpy.run_path(words[1], run_name="__main__")
    else:
        from pen_mobile.cli.main import main

        sys.argv = words
        main()


if __name__ == "__main__":
    from pen_mobile.utils.process_end import end_with_parent

    end_with_parent(os.getppid())
    _serve(sys.argv[1])
