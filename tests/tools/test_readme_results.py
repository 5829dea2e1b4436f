"""The README's table of results is what the demo found."""

from __future__ import annotations

import pytest

from tools.readme_results import BEGIN, END, README, with_results

ROW = {
    which: {"rmse_valence": value, "rmse_arousal": value + 0.1}
    for which, value in (("before", 0.5), ("after", 0.4), ("own_mean", 0.6))
}
RESULTS = {"pooled": ROW, "people": [{"subject": "target-01", "adaptation": {"accepted": True}, **ROW}]}


def test_a_table_replaces_the_one_before() -> None:
    text = with_results(f"start\n{BEGIN}| old |\n{END}end\n", RESULTS)
    assert "| target-01 | 0.500 | 0.400 | 0.600 | 0.600 | 0.500 | 0.700 | accepted |" in text
    assert "| all, pooled | 0.500 | 0.400 | 0.600 | 0.600 | 0.500 | 0.700 |  |" in text
    assert "old" not in text
    assert text.startswith("start\n")
    assert text.endswith("end\n")
    assert with_results(text, RESULTS) == text


def test_a_text_without_the_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="no place for results"):
        with_results("nothing", RESULTS)


def test_the_readme_has_a_table() -> None:
    text = README.read_text(encoding="utf-8")
    assert "| all, pooled |" in text.split(BEGIN)[1].split(END)[0]
