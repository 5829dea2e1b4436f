from __future__ import annotations

import pytest

from pen_mobile.errors import BadInput
from pen_mobile.paper.protocol_plan import ProtocolPlan
from pen_mobile.utils.validation import validated_options


def test_the_defaults_are_the_papers():
    plan = ProtocolPlan()
    assert plan.shares == (0, 0.05, 0.1, 0.2, 0.3, 0.5)
    assert (plan.epochs, plan.optimizer, plan.lambda_0, plan.lambda_1) == (30, "adadelta", 1e-3, 1e-3)
    assert plan.adapting_shares == plan.shares[1:]


def test_source_learning_takes_the_settings_of_its_seed():
    config = ProtocolPlan(epochs=7, optimizer="adam", lambda_0=0.5).source_config(3)
    assert (config.head_epochs, config.joint_epochs, config.optimizer, config.seed) == (7, 7, "adam", 3)
    assert (config.lambda_0, config.lambda_1) == (0.5, 1e-3)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"epochs": 0}, "--epochs: Input should be greater than or equal to 1"),
        ({"steps": 0}, "--steps: Input should be greater than or equal to 1"),
        ({"learning_rate": 0.0}, "--learning-rate: Input should be greater than 0"),
        ({"lambda_1": -1.0}, "--lambda-1: Input should be greater than or equal to 0"),
        ({"lambda_0": float("nan")}, "--lambda-0: Input should be"),
        ({"optimizer": "adagrad"}, "--optimizer: Input should be 'adadelta', 'sgd' or 'adam'"),
        ({"samplings": ("stripes",)}, "--samplings: Input should be 'random', 'blocks', 'first' or 'recent'"),
        ({"strategies": ("magic",)}, "--strategies: Input should be 'prior', 'gradient'"),
        ({"scopes": ()}, "--scopes: Tuple should have at least 1 item"),
        ({"shares": (0.1, 0.7)}, "--shares: Input should be less than or equal to 0.5"),
        ({"shares": (0.5, 0.1)}, "--shares: must rise, without repetitions"),
        ({"seeds": (1, 1)}, "--seeds: must be without repetitions"),
    ],
)
def test_what_makes_no_sense_is_refused_by_the_name_of_its_flag(setting, message):
    with pytest.raises(BadInput, match=f"^{message}"):
        validated_options(ProtocolPlan, setting)
