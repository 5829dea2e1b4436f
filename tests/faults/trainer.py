"""A process that adapts slowly, to be killed in the middle:  python -m tests.faults.trainer BUNDLE STORE SECONDS.

It says ``ready`` before the first step and ``done`` at the end. Every evaluation is saved, and every call of the
program takes so many seconds more.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

from pen_mobile.phone.phone import Phone
from pen_mobile.phone.store.options import StoreOptions

LABELS, NOW = 40, 1.7e9


def open_phone(bundle: Path, store: Path | None) -> Phone:
    """Open a phone that trains with Adadelta: 5 folds of 40 steps at most and a last training."""
    phone = Phone.open(bundle, store, options=StoreOptions(clock=lambda: NOW))
    plan = {"strategy": "gradient", "optimizer": "adadelta", "steps": 40, "save_seconds": 0.0}
    adaptation = phone.manifest.adaptation.model_copy(update=plan)
    phone.manifest = phone.manifest.model_copy(update={"adaptation": adaptation})
    return phone


def give_labels(phone: Phone) -> None:
    """One label in a minute of a person who is 0.3 above the head."""
    z = np.random.default_rng(0).standard_normal((LABELS, 16)).astype(np.float32)
    affect = np.clip(phone.predict_features(z)[0] + 0.3, -1, 1)
    phone.add_labels(z, affect, NOW - 9000 + 60.0 * np.arange(LABELS))


def main() -> None:
    bundle, store, seconds = Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])

    def slowly() -> bool:
        time.sleep(seconds)
        return False

    with open_phone(bundle, store) as phone:
        print("ready", flush=True)
        phone.adapt(should_stop=slowly)
        print("done", flush=True)


if __name__ == "__main__":
    main()
