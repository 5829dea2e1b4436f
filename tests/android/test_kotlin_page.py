"""The code of ``export/KOTLIN.md``, compiled as it stands and run on the JVM against the golden photograph's bundle.

Classes that need Android, and in the second block ExecuTorch's own, have stand-ins here over the same native runtime.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pen_mobile.contract.archive import pack_folder
from pen_mobile.contract.bundle_folder import open_bundle, sign_bundle
from tests.android.kotlin import compiled, java_command, needs_kotlin
from tests.android.toolchain import REPOSITORY, compiler_jars, library_jars, standard_library

needs_kotlin()
pytestmark = pytest.mark.slow

PAGE = REPOSITORY / "export" / "KOTLIN.md"
PHOTOGRAPH = REPOSITORY / "export" / "golden" / "phone" / "photograph"
ABOUT: dict[str, Any] = json.loads((PHOTOGRAPH / "photograph.json").read_text(encoding="utf-8"))

EXECUTORCH = """
package org.pytorch.executorch

import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.FloatBuffer
import penmobile.jvm.NativeRuntime

class Tensor(private val numbers: FloatArray) {
    val dataAsFloatArray: FloatArray get() = numbers.copyOf()
    companion object {
        fun allocateFloatBuffer(count: Int): FloatBuffer =
            ByteBuffer.allocateDirect(4 * count).order(ByteOrder.nativeOrder()).asFloatBuffer()
        fun fromBlob(buffer: FloatBuffer, shape: LongArray): Tensor {
            require(buffer.isDirect && buffer.order() == ByteOrder.nativeOrder())
            require(buffer.remaining().toLong() == shape.fold(1L) { size, side -> size * side })
            return Tensor(FloatArray(buffer.remaining()).also { buffer.get(it) })
        }
    }
}

class EValue private constructor(private val tensor: Tensor) {
    fun toTensor(): Tensor = tensor
    companion object {
        fun from(tensor: Tensor) = EValue(tensor)
    }
}

class Module private constructor(private val handle: Long) {
    fun execute(method: String, vararg inputs: EValue): Array<EValue> =
        NativeRuntime.execute(handle, method, inputs.map { it.toTensor().dataAsFloatArray }.toTypedArray())
            .map { EValue.from(Tensor(it)) }.toTypedArray()
    companion object {
        const val LOAD_MODE_MMAP = 1
        fun load(path: String, mode: Int, threads: Int): Module {
            require(mode == LOAD_MODE_MMAP)
            NativeRuntime.threads(threads)
            return Module(NativeRuntime.open(path))
        }
    }
}
"""

WITH_THE_LIBRARY = """
import java.io.File
import penmobile.bundle.Bundle
import penmobile.bundle.MakerKey
import penmobile.face.RgbImage
import penmobile.jvm.JdbcDatabase
import penmobile.jvm.NativePrograms
import penmobile.jvm.NativeRuntime
import penmobile.runtime.BundleRuntime
import penmobile.runtime.Programs
import penmobile.session.Session
import penmobile.store.Database
import penmobile.store.Store
import penmobile.store.StoreOptions

class ExecuTorchPrograms(threads: Int) : Programs by NativePrograms {
    init {
        NativeRuntime.threads(threads)
    }
}

class AndroidDatabase(file: File) : Database by JdbcDatabase(file)

class OwnerKey(private val file: File) {
    fun read(): ByteArray = file.readBytes()
}

fun withTheLibrary(folder: File, publicKey: String, image: RgbImage, owner: FloatArray) {
%s
}

fun main(arguments: Array<String>) {
    val folder = File(arguments[0])
    val image = RgbImage(arguments[1].toInt(), arguments[2].toInt(), File(folder, "image.bin").readBytes())
    withTheLibrary(folder, File(folder, "public.pem").readText(), image, floatArrayOf(6f, 4f))
    withoutIt(folder)
}
"""

SEEN = """
    println("eyes ${eyes.right.x} ${eyes.right.y} ${eyes.left.x} ${eyes.left.y}")
    println("shown ${shown.joinToString(" ")}")
    println("labels ${session.labels} history ${session.history().size}")
"""

WITHOUT_IT = """
import java.io.File
import org.pytorch.executorch.EValue
import org.pytorch.executorch.Module
import org.pytorch.executorch.Tensor
import penmobile.bundle.Bundle

@Suppress("UNUSED_VARIABLE")
fun withoutIt(folder: File) {
    val manifest = Bundle.open(File(folder, "bundle.zip"), null).manifest
    val part = manifest.head
    val headFile = File(folder, "head.pte")
    val (B, D, K) = listOf(part.predictBatch, part.featureSize, part.targetCount)
    val N = part.adapt!!.labels
    val R = part.expertCount * (1 + K)
    val shipped = Bundle.open(File(folder, "bundle.zip"), null).shippedParameters()
    val head = shipped
    val z = File(folder, "z.txt").readText().split(" ").map { it.toFloat() }.toFloatArray()
    val zs = FloatArray(N * D).also { z.copyInto(it) }
    val ys = FloatArray(N * K) { 0.25f }
    val weight = FloatArray(N).also { it[0] = 1f }
    val time = FloatArray(N)
%s
    println("unit ${unit.joinToString(" ")}")
    println("verdicts ${verdicts.joinToString(" ")} accepted $accepted numbers ${adapted.size} gate ${gate.size}")
}
"""


def blocks() -> list[str]:
    """Return the blocks of Kotlin on the page."""
    return re.findall(r"```kotlin\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def sources(folder: Path) -> list[Path]:
    """Write the page's code with what it needs around it."""
    library, calls = blocks()
    end = "    val result = session.adapt()"
    assert library.count(end) == 1
    texts = {
        "Executorch.kt": EXECUTORCH,
        "Library.kt": WITH_THE_LIBRARY % library.replace(end, SEEN + end),
        "Calls.kt": WITHOUT_IT % calls,
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in texts]


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What the page's code printed: words by the first one of each line."""
    folder = tmp_path_factory.mktemp("page")
    classes = compiled() / "classes"
    path = os.pathsep.join(map(str, [classes, standard_library(), *library_jars()]))
    compile_ = [
        *("java", "-Xmx1g", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
        *("-cp", os.pathsep.join(map(str, compiler_jars())), "org.jetbrains.kotlin.cli.jvm.K2JVMCompiler"),
        *("-no-stdlib", "-no-reflect", "-jvm-target", "1.8", "-nowarn", "-d", str(folder / "page"), "-cp", path),
        *map(str, sources(folder)),
    ]
    done = subprocess.run(compile_, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    height, width, _ = ABOUT["image"]["shape"]
    run = java_command(compiled())
    run[-1] += os.pathsep + str(folder / "page")
    done = subprocess.run(
        [*run, "LibraryKt", str(a_phone(folder)), str(width), str(height)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines()}


def a_phone(folder: Path) -> Path:
    """Write what is in a phone's folder: a signed bundle, its maker's key, the owner's key, and the photograph."""
    phone, bundle = folder / "phone", folder / "bundle"
    shutil.copytree(PHOTOGRAPH / "bundle", bundle)
    (phone / "programs").mkdir(parents=True)
    shutil.copyfile(bundle / "head.pte", phone / "head.pte")
    maker = ec.generate_private_key(ec.SECP256R1())
    sign_bundle(bundle, maker)
    pack_folder(bundle, phone / "bundle.zip")
    public = maker.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (phone / "public.pem").write_bytes(public)
    (phone / "key").write_bytes(bytes(range(32)))
    shutil.copyfile(PHOTOGRAPH / ABOUT["image"]["file"], phone / "image.bin")
    (phone / "z.txt").write_text(" ".join(map(str, ABOUT["z"])), encoding="utf-8")
    return phone


def test_the_library(printed: dict[str, list[str]]) -> None:
    manifest = open_bundle(PHOTOGRAPH / "bundle").manifest
    eyes, expected = np.array(printed["eyes"], float), np.array(ABOUT["eyes"])
    assert manifest.backbone is not None
    side = manifest.backbone.crop.margin * np.hypot(*(expected[2:] - expected[:2]))
    assert np.abs(eyes - expected).max() <= 0.01 * side
    shown = np.array(printed["shown"], np.float32)
    np.testing.assert_allclose(manifest.labelling.to_unit(shown), ABOUT["targets"], atol=0.02)
    assert printed["labels"] == ["1", "history", "0"]


def test_the_calls(printed: dict[str, list[str]]) -> None:
    manifest = open_bundle(PHOTOGRAPH / "bundle").manifest
    np.testing.assert_allclose(
        np.array(printed["unit"], float), ABOUT["targets"], atol=manifest.golden.target_tolerance
    )
    assert len(printed["verdicts"]) == 2 + 6
    assert set(printed["verdicts"][:2]) <= {f"{verdict}.0" for verdict in range(7)}
    assert printed["verdicts"][5] == str(np.prod(manifest.head.parameters_shape))
