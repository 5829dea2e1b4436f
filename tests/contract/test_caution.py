"""A model whose error no constant answer could have is called so."""

from __future__ import annotations

import math

import pytest

from pen_mobile.contract.caution import absurd_error


def validation(**rmse: float | None) -> dict[str, dict[str, float | None]]:
    return {"s-SN": {"rmse_valence": 99.0}, "s-PEN": {"ccc_valence": 0.1, **rmse}}


@pytest.mark.parametrize(
    "rmse",
    [{}, {"rmse_valence": 0.3, "rmse_arousal": 0.5}, {"rmse_valence": 1.0}, {"rmse_stress": 0.0}],
    ids=str,
)
def test_plausible_errors_say_nothing(rmse: dict[str, float]) -> None:
    assert absurd_error(validation(**rmse)) is None


@pytest.mark.parametrize(
    ("rmse", "said"),
    [
        ({"rmse_valence": 9.9, "rmse_arousal": 0.3}, "9.90"),
        ({"rmse_arousal": 1.01}, "1.01"),
        ({"rmse_valence": None}, "inf"),
        ({"rmse_valence": math.inf}, "inf"),
        ({"rmse_stress": 1e30}, "1000000"),
    ],
    ids=str,
)
def test_larger_errors_than_a_constant_could_have_are_said(rmse: dict[str, float | None], said: str) -> None:
    caution = absurd_error(validation(**rmse))
    assert caution is not None
    assert said in caution
    assert "always answering 0 could not err by more than 1" in caution


def test_the_range_of_labels_decides() -> None:
    """Labels from 0 to 10: always answering 5 errs by 5 at most."""
    assert absurd_error(validation(rmse_pain=4.9), (0.0, 10.0)) is None
    assert "always answering 5 could not err by more than 5" in str(
        absurd_error(validation(rmse_pain=5.1), (0.0, 10.0))
    )
