"""Maven tests what Gradle builds: both must name the same versions, modules and API level."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import executorch.version

from tests.android.toolchain import REPOSITORY

DEMO = REPOSITORY / "android_demo"
_POM = {"m": "http://maven.apache.org/POM/4.0.0"}


def _catalogue() -> dict[str, str]:
    text = (DEMO / "gradle" / "libs.versions.toml").read_text()
    return dict(re.findall(r'^(\w+) = "([^"]+)"$', text.split("[libraries]")[0], re.M))


def _pom(path: str) -> list[str | None]:
    return [found.text for found in ET.parse(DEMO / "pom.xml").findall(path, _POM)]


def test_versions_agree() -> None:
    versions = _catalogue()
    for name in ("kotlin", "junit", "sqlite"):
        assert _pom(f"m:properties/m:{name}.version") == [versions[name]]


def test_the_runtime_of_the_app_is_the_exporters() -> None:
    """Programs run on the release that made them and on the next one, never on an older one."""
    wanted = _catalogue()["executorch"].split(".")[:2]
    assert wanted == executorch.version.__version__.split("+")[0].split(".")[:2]


def test_what_the_aar_needs_of_gradle_is_there() -> None:
    """It depends on androidx, and its native code finds classes by name, which minified releases must keep."""
    assert "android.useAndroidX=true" in (DEMO / "gradle.properties").read_text()
    rules = DEMO / "app" / "proguard-rules.pro"
    assert "com.facebook.jni" in rules.read_text()
    assert f'"{rules.name}"' in (DEMO / "app" / "build.gradle.kts").read_text()


def test_modules_agree() -> None:
    modules = set(_pom("m:modules/m:module"))
    included = set(re.findall(r'":(\w+)"', (DEMO / "settings.gradle.kts").read_text()))
    assert included == modules - {"stubs", "lint"}  # the AAR itself is in Gradle's build


def test_the_api_level_is_that_of_the_signatures() -> None:
    level = re.search(r"minSdk = (\d+)", (DEMO / "app" / "build.gradle.kts").read_text())
    assert level is not None
    assert f"gummy-bears-api-{level[1]}" in (DEMO / "pom.xml").read_text()


def test_core_is_below_2500_lines_of_code() -> None:
    """Blank lines and comments do not count."""
    lines = 0
    for file in (DEMO / "core" / "src" / "main").rglob("*.kt"):
        code = re.sub(r"/\*.*?\*/", "", file.read_text(encoding="utf-8"), flags=re.S)
        lines += sum(bool(line.strip()) and not line.lstrip().startswith("//") for line in code.splitlines())
    assert lines < 2500
    assert len((DEMO / "app/src/main/kotlin/penmobile/app/MainActivity.kt").read_text().splitlines()) < 150


def test_core_is_small_and_plain() -> None:
    sources = sorted((DEMO / "core" / "src" / "main").rglob("*.kt"))
    assert len(sources) > 20
    for file in [*sources, *(DEMO / "app" / "src" / "main").rglob("*.kt")]:
        text = file.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 200, file
        assert "!!" not in text, file
        assert "runBlocking" not in text, file
        assert all(len(line) <= 140 for line in text.splitlines()), file
