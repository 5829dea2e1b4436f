"""What libraries print goes nowhere, and afterwards everything is as before."""

from __future__ import annotations

import io
import logging
import os
import sys
import threading
import warnings

import pytest

from pen_mobile.utils.silence import SHOW_VARIABLE, audible, quiet_libraries, standard_error


def chatter(text: str) -> None:
    os.write(1, f"{text} out\n".encode())
    os.write(2, f"{text} err\n".encode())


def test_descriptors_warnings_and_logs_are_silent_inside(capfd: pytest.CaptureFixture[str]) -> None:
    print("before")
    with quiet_libraries(), warnings.catch_warnings(record=True) as caught:
        chatter("inside")
        with quiet_libraries():
            chatter("deeper")
        chatter("still inside")
        warnings.warn("a warning", stacklevel=1)
        logging.getLogger("library").error("a line")
    chatter("after")
    assert capfd.readouterr() == ("before\nafter out\n", "after err\n")
    assert not caught
    with pytest.warns(UserWarning, match="heard"):
        warnings.warn("heard", stacklevel=1)


def test_an_error_ends_the_silence(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="x"), quiet_libraries():
        raise ValueError("x")
    chatter("after")
    assert capfd.readouterr().err == "after err\n"


def test_the_last_of_several_threads_ends_the_silence(capfd: pytest.CaptureFixture[str]) -> None:
    inside, leave = threading.Event(), threading.Event()

    def work() -> None:
        with quiet_libraries():
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=work)
    thread.start()
    inside.wait(10)
    with quiet_libraries():
        pass
    chatter("while the thread works")
    leave.set()
    thread.join()
    chatter("after")
    assert capfd.readouterr().err == "after err\n"


def test_progress_is_heard_during_the_silence(capfd: pytest.CaptureFixture[str]) -> None:
    with quiet_libraries(), os.fdopen(audible(2), "w") as stream:
        stream.write("progress\n")
    assert capfd.readouterr().err == "progress\n"


def test_debugging_shows_everything(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv(SHOW_VARIABLE, "1")
    with quiet_libraries():
        chatter("inside")
    assert capfd.readouterr().err == "inside err\n"


def test_python_standard_error_of_a_notebook_is_silent_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    """There it is an object without a descriptor, to which C++ libraries write through Python."""
    notebook = io.StringIO()
    monkeypatch.setattr(sys, "stderr", notebook)
    with quiet_libraries():
        print("chatter", file=sys.stderr)
        print("progress", file=standard_error())
    print("after", file=sys.stderr)
    assert notebook.getvalue() == "progress\nafter\n"
    assert sys.stderr is notebook
