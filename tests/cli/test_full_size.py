"""The paper's networks through every command: ResNet-50 with random weights, nine experts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.nightly import times
from tests.readme import run_script

PIXELS = times(96, nightly=224)  # the side of a frame changes no size of backbone, head or bundle

SCRIPT = f"""
pen-mobile train synthetic:sources=9,targets=1,seconds=4,fps=1 --backbone resnet50 --weights none --max-steps 1 \
  --input-size {PIXELS} --out run
pen-mobile export run --recipe android-fp32 --out bundle
pen-mobile verify bundle
python -c "from skimage import data, io; io.imsave('photo.png', data.astronaut())"
pen-mobile predict bundle photo.png
pen-mobile adapt bundle --data synthetic:sources=1,targets=1,seconds=80,fps=1 --subject target-01 --labels 30 \
  --store me.sqlite || test $? = 3
pen-mobile predict bundle photo.png --store me.sqlite --json
pen-mobile phone history --store me.sqlite
"""


@pytest.mark.slow
def test_from_people_to_a_phone(tmp_path: Path) -> None:
    output = run_script(SCRIPT, tmp_path)
    assert (tmp_path / "bundle" / "backbone.pte").stat().st_size > 90_000_000
    assert (tmp_path / "bundle" / "head-parameters.f32").stat().st_size == 4 * 27 * 2049  # 55,323 parameters
    assert (tmp_path / "me.sqlite").exists()
    assert '"valence"' in output
