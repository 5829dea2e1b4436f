"""A model card in Markdown, from a bundle's manifest.

The sections are those of Mitchell et al. 2019, Model Cards for Model Reporting, https://doi.org/10.1145/3287560.3287596.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pen_mobile.contract.manifest import BackbonePart, Manifest
from pen_mobile.contract.model_card import ModelCard
from pen_mobile.utils.files import replacing
from pen_mobile.utils.text import counted, decimal, joined

_UNSAID = "*The maker of the model has not said.*"


def card_place(bundle: Path) -> Path:
    """Return the place of a bundle's card: beside it, ``NAME.model-card.md``.

    Args:
        bundle: folder, or archive whose name ends in ``.zip``.
    """
    name = bundle.name[: -len(".zip")] if bundle.suffix.lower() == ".zip" else bundle.name
    return bundle.with_name(f"{name}.model-card.md")


def write_model_card(manifest: Manifest, bundle: Path) -> Path:
    """Write the card beside a bundle, over an older one, and return its place.

    Args:
        manifest: of the bundle.
        bundle: folder or archive.
    """
    place = card_place(bundle)
    with replacing(place) as temporary:
        temporary.write_text(model_card(manifest), encoding="utf-8", newline="\n")
    return place


def model_card(manifest: Manifest) -> str:
    """Return the card in Markdown.

    Args:
        manifest: of a bundle.
    """
    card = manifest.card or ModelCard()
    sections = {
        "Model details": _details(manifest, card),
        "Intended use": [card.intended_use or _UNSAID],
        "Limits": [card.limits or _UNSAID],
        "Factors": _factors(manifest),
        "Metrics": _metrics(manifest),
        "Evaluation data": [
            "Rows of the source people that training held out. People it has never seen were not used."
        ],
        "Training data": _training_data(manifest),
        "Quantitative analyses": list(_table(manifest)),
        "Ethical considerations": _ethics(manifest),
        "Caveats and recommendations": _caveats(manifest),
    }
    body = "\n\n".join(f"## {title}\n\n" + "\n".join(lines) for title, lines in sections.items())
    return f"# Model card: {card.name or 'unnamed model'}\n\n{body}\n"


def _details(manifest: Manifest, card: ModelCard) -> list[str]:
    backbone, head = manifest.backbone, manifest.head
    low, high = manifest.label_range
    facts = {
        "Version": card.version,
        "Licence": card.licence,
        "Contact": card.contact,
        "Release": None if manifest.model is None else f"{manifest.model}, bundle {manifest.serial}",
        "Estimates": f"{joined(manifest.targets)}, from {low:g} to {high:g}",
        "Backbone": "none: it takes features" if backbone is None else _backbone(backbone),
        "Head": f"{counted(head.expert_count, 'linear expert')}, weighed by a gate (personalized experts)",
        "Numbers": manifest.precision,
        "Runs in": manifest.runtime,
        "Adapts by": ", ".join(head.strategies),
        "Bytes": f"{sum(part.bytes for part in manifest.files.values()):,}",
    }
    return [f"- {name}: {value or _UNSAID}" for name, value in facts.items() if name != "Release" or value]


def _backbone(part: BackbonePart) -> str:
    return f"{part.name}, frames of {part.crop.size} x {part.crop.size} pixels, {part.feature_size} features"


def _factors(manifest: Manifest) -> list[str]:
    people = counted(manifest.source.subjects, "source person", "source people")
    return [
        f"One shared model was learned from {people}; each phone adapts a copy of its head to one owner.",
        "Estimates depend on the person, the light, the pose and the camera. Nothing is known of groups of people.",
    ]


def _metrics(manifest: Manifest) -> list[str]:
    return [
        "CCC (concordance correlation coefficient, 1 is perfect) and RMSE (in units of the labels), for each of "
        f"{joined(manifest.targets)}."
    ]


def _training_data(manifest: Manifest) -> list[str]:
    source = manifest.source
    kind = "**Synthetic people**: no number here may be compared with real recordings. " if source.synthetic else ""
    return [f"{kind}{counted(source.subjects, 'person', 'people')}; SHA-256 of the data `{source.data_digest}`."]


def _table(manifest: Manifest) -> Iterator[str]:
    measures = [f"{measure}_{name}" for measure in ("ccc", "rmse") for name in manifest.targets]
    yield "| model | " + " | ".join(name.replace("ccc_", "CCC ").replace("rmse_", "RMSE ") for name in measures) + " |"
    yield "|---" * (1 + len(measures)) + "|"
    for model, values in manifest.source.validation.items():
        yield f"| {model} | " + " | ".join(decimal(values.get(name)) for name in measures) + " |"
    if manifest.quantization is not None:
        yield ""
        yield f"The backbone in int8 loses {manifest.quantization.ccc_loss:.4f} CCC (mean over targets)."


def _ethics(manifest: Manifest) -> list[str]:
    return [
        "Inferring how people feel from their faces can harm them, and is restricted by law in some places and uses.",
        "Pictures, labels and adapted heads of a phone's owner stay on the phone; the bundle holds no real face.",
    ]


def _caveats(manifest: Manifest) -> list[str]:
    return [
        "Compare with always answering the owner's own mean before you rely on an estimate.",
        f"`pen-mobile verify` proves that the bundle answers as the model does. Seed {manifest.source.seed}; made with "
        + ", ".join(f"{name} {version}" for name, version in manifest.source.versions.items())
        + ".",
    ]
