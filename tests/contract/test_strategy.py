"""Names of strategies."""

from __future__ import annotations

import pytest

from pen_mobile.contract.strategy import ON_PHONES, Strategy, strategy_of
from pen_mobile.errors import BadInput


def test_a_strategy_is_its_name_in_text() -> None:
    assert f"{Strategy.OFFSET_RIDGE}" == str(Strategy.OFFSET_RIDGE) == "offset-ridge"
    assert strategy_of("gradient") is Strategy.GRADIENT
    assert [str(strategy) for strategy in ON_PHONES] == ["prior", "gradient"]


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(BadInput, match=r"unknown strategy 'magic'; there are prior, gradient, gate, offset"):
        strategy_of("magic")
