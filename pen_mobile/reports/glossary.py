"""Terms of the reports: the source of ``docs/glossary.md`` and of the glossary on every page."""

from __future__ import annotations

import re

GLOSSARY: dict[str, str] = {
    "acceptance": (
        "The decision of a phone, for each target, to take the adapted head into use. Labels that contradict the head, "
        "jump, are all the same, or surprise are declined; else the error on time left out must not rise by more than "
        "the margin and chance. Also called the guard."
    ),
    "affect": "The state that is estimated, as numbers. By default valence and arousal, each from -1 to 1.",
    "arousal": "How activated a person is, from -1 (calm) to 1 (excited).",
    "backbone": "The network that turns a frame into a feature. It is frozen on a phone.",
    "blocks": (
        "A way to choose rows: whole stretches of time adapt and other stretches are tested, so that no tested row has "
        "a neighbour that adapted. Harder than rows drawn at random, and closer to what a phone meets."
    ),
    "bundle": "The folder or archive that ships to phones: programs, head parameters, manifest, golden vectors.",
    "caution": (
        "A share of every change that adapting keeps back, larger for fewer effective labels, so that wrong labels of "
        "one moment move a head little."
    ),
    "CCC": (
        "Concordance correlation coefficient, from -1 to 1; 1 is perfect agreement. It counts correlation, scale and "
        "level. A constant estimate has CCC 0. It is undefined, and shown as a dash, for fewer than two rows, or when "
        "neither labels nor estimates vary."
    ),
    "delegate": "The library that runs a part of a program fast, such as XNNPACK on processors.",
    "effective labels": (
        "The number of independent labels that a set of labels is worth. Labels a second apart say nearly the same; "
        "labels hours apart count in full."
    ),
    "expert": "One linear layer of the PEN head. Each expert starts as one source person's.",
    "feature": "The output of the backbone for one frame: D_z numbers, called z in formulas.",
    "frame": "An aligned crop of a face, as the backbone takes it.",
    "gate": (
        "The part of the PEN head that weighs the experts: for every frame it gives each expert a weight, and the "
        "weights add up to 1."
    ),
    "golden vectors": "Inputs with the answers of the float model, shipped in a bundle to prove each runtime.",
    "head": "The small part of the model that maps a feature to affect. Only the head adapts on a phone.",
    "head parameters": "Gate and experts of a head as one matrix.",
    "held-out error": (
        "RMSE on labels that did not take part in training the head which they judge, also called the error on "
        "labels left out. A phone decides with it."
    ),
    "label": "A person's own statement of affect at one moment, or a rating of a recording.",
    "margin": (
        "How much the held-out error may rise, beyond what chance explains, before a new head is refused; in units of "
        "the labels."
    ),
    "own mean": (
        "A baseline without a model: always answer the mean of the labels that the person gave. Its CCC for one person "
        "is 0, because it is constant; its RMSE is often hard to beat."
    ),
    "PEN": "Personalized expert network: several linear experts and a gate that weighs them.",
    "pooled": "Computed over the rows of all people together. A pooled CCC also rewards knowing who is who.",
    "prior": (
        "How heads of people differ from the shipped one, learned from the source people and shipped in the bundle. "
        "With it a phone adapts from the first label on."
    ),
    "recipe": "A file that says how a bundle is made: precision, methods, and rules of adaptation.",
    "RMSE": "Root mean squared error, in units of the labels; 0 is perfect. Called error where it is meant.",
    "s-PEN, s-SN": "PEN and SN heads that are trained on source people first, and then adapted.",
    "seed": "The number that fixes every random choice of a run.",
    "SN": "Shared network: one linear layer for everybody, the head without experts.",
    "source people": "The people whose recordings train the model.",
    "strategy": "A way to adapt a head to labels: the prior, in closed form, or gradient steps.",
    "surprise": "How far labels are from what the prior expects at these moments; part of the guard.",
    "t-PEN, t-SN": "PEN and SN heads that start from random weights and are trained on the target person only.",
    "target people": "The people who own phones; their recordings adapt and test the model.",
    "valence": "How pleasant a person feels, from -1 (negative) to 1 (positive).",
    "XNNPACK": "A library of fast kernels for processors, which runs the programs of a bundle inside ExecuTorch.",
}


def terms_in(text: str) -> dict[str, str]:
    """Return the terms, with their definitions, that occur in a text.

    Args:
        text: plain text of a page.
    """
    return {term: words for term, words in GLOSSARY.items() if any(_occurs(name, text) for name in term.split(", "))}


def markdown() -> str:
    """Return the contents of ``docs/glossary.md``."""
    lines = [f'- <a id="{anchor(term)}"></a>**{term}**: {words}' for term, words in GLOSSARY.items()]
    return "\n".join(["# Glossary", "", "Terms of the reports, the messages and this documentation.", "", *lines, ""])


def anchor(term: str) -> str:
    """Return the part of an address that points to a term.

    Args:
        term: a key of :data:`GLOSSARY`.
    """
    return re.sub(r"[^a-z0-9]+", "-", term.lower()).strip("-")


def _occurs(name: str, text: str) -> bool:
    plain = name.removesuffix("s")
    flags = 0 if plain.upper() == plain or "-" in plain else re.IGNORECASE
    return re.search(rf"(?<![\w-]){re.escape(plain)}s?(?![\w-])", text, flags) is not None
