"""Build the C interface to the ExecuTorch runtime, its two checks and its JNI from the wheel's headers and libraries,
and a reader of bundles that needs neither.

    python -m tests.native.build FOLDER [--sanitize]

Needs g++ and the wheel ``executorch`` (1.5.0 or newer), neither torch nor CMake. Swift tests load
``libpen_runtime.so``, Kotlin tests ``libpen_jni.so``, which :func:`build_jni` makes where there is a JDK.
"""

from __future__ import annotations

import argparse
import importlib.util
import shutil
import subprocess
from pathlib import Path

SOURCES = Path(__file__).parent
LIBRARY = "libpen_runtime.so"
JNI = "libpen_jni.so"
CHECKS = ("golden_check", "refusals")
READER = "bundle_reader"
_DEFINITIONS = ("C10_USING_CUSTOM_GENERATED_MACROS", "ET_EVENT_TRACER_ENABLED", "ET_USE_THREADPOOL")
_LIBRARIES = ("executorch", "executorch_kernels_optimized", "executorch_backend_xnnpack", "executorch_threadpool")
_SANITIZE = ("-O0", "-g", "-fsanitize=address,undefined", "-fno-omit-frame-pointer")  # -O1 compiles six times as long


def compiler() -> str | None:
    """Return the C++ compiler's path, or None where there is none."""
    return shutil.which("g++")


def executorch_folder() -> Path:
    """Return the folder of the installed wheel, without importing it."""
    spec = importlib.util.find_spec("executorch")
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0])


def build(folder: Path, *, sanitize: bool = False) -> Path:
    """Build the library and the checks.

    Args:
        folder: where they go; made when it is not there.
        sanitize: build with the address and undefined-behaviour sanitizers.

    Returns:
        ``folder``, which holds ``libpen_runtime.so`` and one program for each check.

    Raises:
        subprocess.CalledProcessError: the compiler refused.
    """
    wheel = executorch_folder()
    folder.mkdir(parents=True, exist_ok=True)
    common = ["-std=c++17", "-Wall", "-Wextra", *(_SANITIZE if sanitize else ("-O2",))]
    headers = wheel / "include"
    includes = [f"-isystem{headers}", f"-isystem{headers}/executorch/runtime/core/portable_type/c10"]
    libraries = [f"-L{wheel}/lib", "-Wl,--no-as-needed", *(f"-l{name}" for name in _LIBRARIES), "-Wl,--as-needed"]
    _compile(
        [*common, "-fPIC", "-shared", *(f"-D{name}" for name in _DEFINITIONS), *includes, SOURCES / "pen_runtime.cpp"],
        folder / LIBRARY,
        [*libraries, f"-Wl,-rpath,{wheel}/lib"],
    )
    linked = [f"-L{folder}", "-lpen_runtime", "-Wl,-rpath,$ORIGIN", f"-Wl,-rpath-link,{wheel}/lib", "-pthread"]
    for check in CHECKS:
        _compile([*common, SOURCES / f"{check}.cpp"], folder / check, linked)
    return folder


def build_reader(folder: Path, *, sanitize: bool = False) -> Path:
    """Build the reader of bundles; it needs nothing but g++, and checks signatures where libcrypto is installed.

    Args:
        folder: where it goes; made when it is not there.
        sanitize: build with the address and undefined-behaviour sanitizers.

    Returns:
        The program's path.

    Raises:
        subprocess.CalledProcessError: the compiler refused.
    """
    folder.mkdir(parents=True, exist_ok=True)
    flags = ["-std=c++17", "-Wall", "-Wextra", *(_SANITIZE if sanitize else ("-O1",))]
    crypto = has_libcrypto()
    definitions, libraries = (["-DPEN_LIBCRYPTO"], ["-lcrypto"]) if crypto else ([], [])
    _compile([*flags, *definitions, SOURCES / f"{READER}.cpp"], folder / READER, libraries)
    return folder / READER


def has_libcrypto() -> bool:
    """Return whether OpenSSL 3 can be compiled and linked against (Debian: libssl-dev)."""
    source = "#include <openssl/evp.h>\nint main() { return EVP_PKEY_get_group_name == nullptr; }\n"
    command = [str(compiler()), "-x", "c++", "-", "-o", "/dev/null", "-lcrypto"]
    return subprocess.run(command, input=source, text=True, capture_output=True, check=False).returncode == 0


def jdk_folder() -> Path | None:
    """Return the folder of the JDK with JNI's headers, or None where there is none."""
    javac = shutil.which("javac")
    folder = None if javac is None else Path(javac).resolve().parent.parent
    return folder if folder is not None and (folder / "include" / "jni.h").is_file() else None


def build_jni(folder: Path) -> Path:
    """Build the JNI library of the Kotlin tests.

    Args:
        folder: where :func:`build` put the runtime's library.

    Returns:
        The library's path.

    Raises:
        subprocess.CalledProcessError: the compiler refused.
    """
    includes = [f"-isystem{jdk_folder()}/include", f"-isystem{jdk_folder()}/include/linux"]
    arguments: list[str | Path] = ["-std=c++17", "-O2", "-Wall", "-Wextra", "-fPIC", "-shared", *includes]
    linked = [f"-L{folder}", "-lpen_runtime", "-Wl,-rpath,$ORIGIN", f"-Wl,-rpath-link,{executorch_folder()}/lib"]
    _compile([*arguments, SOURCES / "pen_jni.cpp"], folder / JNI, linked)
    return folder / JNI


def _compile(arguments: list[str | Path], out: Path, libraries: list[str]) -> None:
    subprocess.run([str(compiler()), *map(str, arguments), "-o", str(out), *libraries], check=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sanitize", action="store_true")
    options = parser.parse_args()
    print(build(options.folder, sanitize=options.sanitize))
