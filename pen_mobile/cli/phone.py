"""``pen-mobile phone``: look after a personal store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pen_mobile.cli.options import PATH, allow_older_option, key_option, public_key_option, read_key
from pen_mobile.cli.output import Output, output_options
from pen_mobile.errors import BadInput
from pen_mobile.utils.table import Table

if TYPE_CHECKING:
    from pen_mobile.phone.store.store import Store

Command = TypeVar("Command", bound=Callable[..., Any])


@click.group()
def phone() -> None:
    """Look after a personal store."""


def _store_options(command: Command) -> Command:
    store = click.option("--store", required=True, type=PATH, help="The personal store.")
    return store(key_option(output_options(command)))


@phone.command()
@_store_options
def status(store: Path, key_file: Path | None, output: Output) -> None:
    """Show what the store holds, its size and the head in use."""
    with _open(store, key_file, output) as opened:
        found = opened.status()
    output.finish(found.to_dict(), [Table(("what", "value"), _status_rows(found))])


@phone.command()
@_store_options
def history(store: Path, key_file: Path | None, output: Output) -> None:
    """List all adaptations and events.

    Every adaptation stands there with its reason, accepted or not; events are what else happened to the store.
    """
    with _open(store, key_file, output) as opened:
        heads, events = opened.heads.history(), opened.events.entries()
    output.finish(
        {"heads": heads, "events": events},
        [
            Table(_HEAD_COLUMNS, [_head_cells(head) for head in heads]),
            Table(("when", "event", "detail"), [_event_cells(event) for event in events]),
        ],
    )


@phone.command()
@_store_options
def rollback(store: Path, key_file: Path | None, output: Output) -> None:
    """Go back to the head before the present one."""
    from pen_mobile.phone.store.head_record import version_words

    with _open(store, key_file, output) as opened:
        version = opened.rollback()
    output.finish({"active_version": version}, [f"{store}: {version_words(version)} is in use again"])


@phone.command()
@_store_options
def reset(store: Path, key_file: Path | None, output: Output) -> None:
    """Go back to the bundle's initial head.

    Samples and history stay.
    """
    with _open(store, key_file, output) as opened:
        opened.reset()
    output.finish({"active_version": None}, [f"{store}: the bundle's initial head is in use again"])


@phone.command("export-data")
@_store_options
@click.option("--out", required=True, type=PATH, help="Folder to make, or a file that ends in .zip.")
@click.option("--bundle", type=PATH, help="The store's bundle: labels are written on its scale, else from -1 to 1.")
def export_data(store: Path, key_file: Path | None, out: Path, bundle: Path | None, output: Output) -> None:
    """Export all data of a store to files.

    Everything that the store holds is written to files that any tool reads.
    """
    from pen_mobile.phone.store import data_export
    from pen_mobile.targets import DEFAULT_RANGE

    with _open(store, key_file, output) as opened:
        label_range = DEFAULT_RANGE if bundle is None else _label_range(bundle, opened)
        counts = data_export.export_data(opened, out, label_range)
    line = f"{out}: {counts['samples']:,} samples, {counts['heads']:,} head versions, {counts['events']:,} events"
    output.finish({"out": str(out)} | counts, [line])


def _label_range(bundle: Path, store: Store) -> tuple[float, float]:
    """Return the labels' scale, of the bundle that a store belongs to."""
    from pen_mobile.contract.bundle_folder import open_bundle
    from pen_mobile.phone.binding import binding_of

    opened = open_bundle(bundle)
    binding = binding_of(opened)
    if not binding.understands(store.bundle) or binding.targets != tuple(store.targets):
        raise BadInput(f"{bundle} is not the bundle of this store: its backbone or its targets are others")
    return opened.manifest.label_range


@phone.command("import-data")
@_store_options
@click.option("--from", "source", required=True, type=PATH, help="Folder or .zip that 'export-data' wrote.")
def import_data(store: Path, key_file: Path | None, source: Path, output: Output) -> None:
    """Make a new store from exported data.

    With --key-file it is encrypted.
    """
    from pen_mobile.phone.store import data_import
    from pen_mobile.phone.store.options import StoreOptions

    counts = data_import.import_data(source, store, StoreOptions(key=read_key(key_file, output.progress)))
    line = f"{store}: {counts['samples']:,} samples, {counts['heads']:,} head versions, {counts['events']:,} events"
    output.finish({"store": str(store)} | counts, [line])


@phone.command("delete-data")
@_store_options
@click.option("--yes", is_flag=True, help="Really do it.")
def delete_data(store: Path, key_file: Path | None, yes: bool, output: Output) -> None:
    """Delete all data of a store for good.

    Samples, head versions and log are deleted, so that none of their bytes is left in the store's files.
    """
    with _open(store, key_file, output) as opened:
        if not yes:
            held = opened.status()
            heads = sum(held.heads.values())
            raise BadInput(
                f"{store}: this deletes {held.samples} samples and {heads} head versions for good; add --yes"
            )
        deleted = opened.delete_all()
    line = f"{store}: {deleted['samples']:,} samples and {deleted['heads']:,} head versions are gone"
    output.finish(dict(deleted), [line])


@phone.command()
@_store_options
@click.option("--bundle", required=True, type=PATH, help="The bundle that the store is to belong to.")
@public_key_option
@allow_older_option
@click.option("--yes", is_flag=True, help="Really do it.")
def rebase(
    store: Path,
    key_file: Path | None,
    bundle: Path,
    public_key: Path | None,
    allow_older: bool,
    yes: bool,
    output: Output,
) -> None:
    """Move the store to another backbone or to other targets.

    Its samples and heads are deleted; its history stays. Features of one backbone mean nothing to another, and no
    face was kept that new ones could be made from; labels of other targets say nothing about these.
    """
    from pen_mobile.contract.bundle_folder import open_bundle
    from pen_mobile.phone.binding import binding_of
    from pen_mobile.phone.store.options import StoreOptions
    from pen_mobile.phone.store.store import Store

    binding = binding_of(open_bundle(bundle, public_key))
    key = read_key(key_file, output.progress)
    with Store(store, options=StoreOptions(key=key)) as opened:
        held = opened.status()
    if binding.understands(held.bundle):
        raise BadInput(f"{store}: {bundle} has the store's own backbone and targets: use it; nothing was done")
    if not yes:
        raise BadInput(
            f"{store}: this deletes {held.samples} samples and the heads made from them for good; their history stays; "
            "add --yes"
        )
    options = StoreOptions(key=key, on_other_backbone="forget", allow_older_bundle=allow_older)
    with Store(store, binding, options) as opened:
        change = opened.change
    output.finish({"samples": held.samples, "change": change}, [f"{store}: {change}"])


def _open(store: Path, key_file: Path | None, output: Output) -> Store:
    from pen_mobile.phone.store.options import StoreOptions
    from pen_mobile.phone.store.store import Store

    return Store(store, options=StoreOptions(key=read_key(key_file, output.progress)))


_HEAD_COLUMNS = ("version", "parent", "status", "when", "labels", "error before", "error after", "reason")


def _head_cells(head: dict[str, Any]) -> list[str]:
    errors = (head.get("error_before"), head.get("error_after"))
    return [
        str(head["version"]),
        "-" if head["parent"] is None else str(head["parent"]),
        head["status"],
        _when(head["created_at"]),
        str(head.get("labels", "-")),
        *("-" if error is None else f"{error:.4f}" for error in errors),
        head.get("reason", ""),
    ]


def _event_cells(event: dict[str, Any]) -> list[str]:
    return [_when(event["at"]), event["kind"], ", ".join(f"{name} {value}" for name, value in event["detail"].items())]


def _status_rows(found: Any) -> list[tuple[str, str]]:
    from pen_mobile.phone.store.head_record import version_words

    last = found.last_adaptation
    outcome = "none yet" if last is None else f"{_when(last['created_at'])}: {last['status']}, {last.get('reason', '')}"
    span = "" if found.oldest is None else f", {_when(found.oldest)} to {_when(found.newest)}"
    return [
        ("bundle", f"backbone {found.bundle['backbone'][:12]}, {found.bundle['feature_size']:,} features"),
        ("samples", f"{found.samples:,}{span}"),
        ("head in use", version_words(found.active_version)),
        ("head versions", ", ".join(f"{count} {name}" for name, count in found.heads.items()) or "none"),
        ("last adaptation", outcome),
        ("on disk", f"{found.bytes:,} bytes{', blobs encrypted' if found.encrypted else ''}"),
    ]


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%d %H:%M:%S")
