"""Values that a shell completes after TAB (docs/how-to/shell-completion.md)."""

from __future__ import annotations

from collections.abc import Iterable

import click
from click.shell_completion import CompletionItem


def complete_recipe(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the name of a built-in recipe, or a file.

    Args:
        context: the command.
        parameter: the option.
        incomplete: what was typed.
    """
    from pen_mobile.utils.resources import built_in_names

    return _matching(built_in_names(), incomplete, files=True)


def complete_profile(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the name of a built-in device profile, or a file.

    Args:
        context: the command.
        parameter: the option.
        incomplete: what was typed.
    """
    from pen_mobile.utils.resources import built_in_names

    return _matching(built_in_names("profiles"), incomplete, files=True)


def complete_strategy(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete a strategy that a phone knows.

    Args:
        context: the command.
        parameter: the option.
        incomplete: what was typed.
    """
    from pen_mobile.contract.strategy import ON_PHONES

    return _matching(map(str, ON_PHONES), incomplete)


def complete_query(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete a way to choose the moments that the owner is asked about.

    Args:
        context: the command.
        parameter: the option.
        incomplete: what was typed.
    """
    from pen_mobile.phone.active_learning.scores import SCORES

    return _matching(SCORES, incomplete)


def complete_data(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete ``synthetic``, or a file.

    Args:
        context: the command.
        parameter: the option.
        incomplete: what was typed.
    """
    return _matching(["synthetic", "synthetic:"], incomplete, files=True)


def _matching(names: Iterable[str], incomplete: str, files: bool = False) -> list[CompletionItem]:
    found = [CompletionItem(name) for name in names if name.startswith(incomplete)]
    return found or ([CompletionItem(incomplete, type="file")] if files else [])
