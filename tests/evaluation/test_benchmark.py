"""Size and speed of a bundle: measured here, prepared for a phone, read back from its log."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

import pen_mobile as pen
from pen_mobile.contract.bundle_folder import open_bundle
from pen_mobile.errors import BadInput
from pen_mobile.evaluation.benchmark.phone_folder import single_method, write_phone_folder
from pen_mobile.evaluation.benchmark.phone_log import read_phone_log
from pen_mobile.evaluation.benchmark.result import StageTimes
from pen_mobile.evaluation.benchmark.stages import stages_of
from pen_mobile.phone.executorch_runtime import executorch_runtime
from pen_mobile.utils.processor import instruction_set, peak_memory

RUNNER = """#!/bin/sh
# Stands in for executor_runner: checks its files and prints what that prints.
for flag in "$@"; do
  case $flag in
    --model_path=*) test -f "${flag#*=}" || exit 1 ;;
    --inputs=*) for file in $(echo "${flag#*=}" | tr , ' '); do test -f "$file" || exit 1; done ;;
    --cpu_threads=*) threads=${flag#*=} ;;
    --method_name=*) method=${flag#*=} ;;
  esac
done
echo "I 00:00:00.000100 executorch:executor_runner.cpp:500] Using method $method"
echo "I 00:00:00.000200 executorch:executor_runner.cpp:600] Model loaded in 1.500000 ms."
for i in 1 2 3 4 5 6 7 8 9 10; do
  echo "I 00:00:00.000300 executorch:executor_runner.cpp:700] Iteration $i of 10: $((i * threads)).250000 ms"
done
"""


@pytest.fixture(scope="module")
def folder(small_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("phone") / "measure"
    write_phone_folder(open_bundle(small_bundle), out, threads=(1, 2), calls=10)
    return out


def test_every_method_is_measured(small_bundle: Path) -> None:
    result = pen.benchmark(small_bundle, threads=[1], calls=3)
    assert [one.stage for one in result.times] == [
        "predict",
        "adapt",
        "train (adadelta, 8 steps)",
    ]
    for one in result.times:
        assert (one.threads, one.calls) == (1, 3)
        assert 0 < one.p50_ms <= one.p95_ms
        assert one.load_ms is not None
        assert one.load_ms > 0
    assert result.bytes["head.pte"] == (small_bundle / "head.pte").stat().st_size
    assert result.runtime_bytes is not None
    assert result.peak_bytes[1] >= result.runtime_bytes > 1 << 26
    assert instruction_set() in str(result)
    assert "peak memory with 1 thread: " in str(result)


def test_the_backbone_and_the_detector_are_stages(bundle_folder: Path) -> None:
    bundle = open_bundle(bundle_folder)
    names = [stage.name for stage in stages_of(bundle)]
    assert names[: names.index("predict")] == [*(["find a face"] if bundle.manifest.face else []), "features"]


def test_the_phone_s_folder_holds_what_its_script_names(folder: Path, small_bundle: Path) -> None:
    listed = json.loads((folder / "stages.json").read_text())
    stages = stages_of(open_bundle(small_bundle))
    assert [one["stage"] for one in listed] == [stage.name for stage in stages]
    for one, stage in zip(listed, stages, strict=True):
        for name, array in zip(one["inputs"], stage.inputs, strict=True):
            np.testing.assert_array_equal(np.fromfile(folder / name, "<f4"), array.ravel())
    assert (folder / "head.pte").read_bytes() == (small_bundle / "head.pte").read_bytes()
    script = (folder / "benchmark.sh").read_text()
    assert script.count("--model_path=head.pte") == 2 * len(stages)
    assert "--num_executions=10" in script
    assert "adb push" in (folder / "README.md").read_text()
    subprocess.run(["sh", "-n", str(folder / "benchmark.sh")], check=True)


def test_the_script_and_its_log_become_the_table(folder: Path, small_bundle: Path, tmp_path: Path) -> None:
    """Ten calls of 1.25 to 10.25 ms with one thread, the first of them to warm up: half are below 6.25."""
    runner = tmp_path / "runner"
    runner.write_text(RUNNER)
    runner.chmod(0o755)
    done = subprocess.run(
        ["sh", "benchmark.sh"], cwd=folder, env={"RUNNER": str(runner), "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    log = tmp_path / "phone.log"
    log.write_text(done.stdout)
    result = pen.benchmark(small_bundle, log=log)
    assert [(one.stage, one.threads) for one in result.times[:3]] == [("predict", 1), ("predict", 2), ("adapt", 1)]
    first, second = result.times[:2]
    assert (first.load_ms, first.p50_ms, first.calls) == (1.5, 6.25, 9)
    assert second.p50_ms == 12.25
    assert result.machine.startswith("Linux")
    assert result.peak_bytes == {}


def test_the_log_of_xcode(small_bundle: Path, tmp_path: Path) -> None:
    """XCTest gives seconds; the app leaves the number of threads to the runtime."""
    line = (
        "Tests.mm:1: Test Case '-[GenericTests test_{}_pen_stage_{}_pte_iOS_18_0_iPhone15_2]' measured "
        "[Clock Monotonic Time, s] average: 0.002, relative standard deviation: 1.0%, values: [{}], more\n"
    )
    text = line.format("load", 1, "0.010, 0.012, 0.030") + line.format("forward", 1, "0.001, 0.002, 0.003")
    log = tmp_path / "xcode.log"
    log.write_text(text + "Test Suite 'GenericTests' passed\n")
    (found,) = read_phone_log(open_bundle(small_bundle), log).times
    assert found == StageTimes("adapt", 0, 12.0, 2.0, 2.9, 3)


def test_logs_that_say_nothing(small_bundle: Path, tmp_path: Path) -> None:
    bundle, log = open_bundle(small_bundle), tmp_path / "phone.log"
    for text, said in (
        ("", "holds no times"),
        ("pen-mobile stage 0 threads 1\nmethod execution failed: 0x20\n", "predict with 1 threads has no times: meth"),
        ("pen-mobile stage 99 threads 1\nIteration 1 of 1: 3.0 ms\n", "stage 99, but this bundle has 3 stages"),
    ):
        log.write_text(text)
        with pytest.raises(BadInput, match=said):
            read_phone_log(bundle, log)
    with pytest.raises(BadInput, match="cannot be read"):
        read_phone_log(bundle, tmp_path / "missing.log")


def test_one_method_alone_answers_as_before(small_bundle: Path) -> None:
    """ExecuTorch's app calls the method ``forward`` of a program."""
    bundle = open_bundle(small_bundle)
    for stage in stages_of(bundle):
        content = bundle.content(stage.file)
        alone = executorch_runtime().load_program(single_method(content, stage.method))
        whole = executorch_runtime().load_program(content)
        inputs = [torch.from_numpy(array) for array in stage.inputs]
        assert alone.method_names == {"forward"}
        expected = [output.clone() for output in whole.load_method(stage.method).execute(inputs)]
        for found, output in zip(alone.load_method("forward").execute(inputs), expected, strict=True):
            assert torch.equal(found, output)


def test_an_existing_folder_is_left_alone(folder: Path, small_bundle: Path) -> None:
    with pytest.raises(BadInput, match="exists already"):
        write_phone_folder(open_bundle(small_bundle), folder)


def test_the_processor() -> None:
    assert instruction_set({"avx2", "avx512f"}) == "avx512"
    assert instruction_set({"asimd"}) == "neon"
    assert 1 << 24 < peak_memory() < 1 << 40
    assert shutil.which("sh")
