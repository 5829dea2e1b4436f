"""The first steps of every opening: make a store, or check that a file is one, with this key, of this backbone."""

from __future__ import annotations

from pen_mobile.errors import BadInput
from pen_mobile.phone.store.bundle_binding import BundleBinding, check_binding, other_samples
from pen_mobile.phone.store.clock import ClockState, finite_reading
from pen_mobile.phone.store.database import Database
from pen_mobile.phone.store.encryption import KeyRequired, NoKey, matching_cipher, new_cipher
from pen_mobile.phone.store.migration import migrate
from pen_mobile.phone.store.options import StoreOptions
from pen_mobile.phone.store.rows import Rows, binding_row
from pen_mobile.phone.store.schema import SCHEMA_VERSION, check_schema, is_empty, present_schema
from pen_mobile.phone.store.store_state import StoreState


def prepare(database: Database, binding: BundleBinding | None, options: StoreOptions) -> Rows:
    """Check a store and bring it to the present schema, or make a new one.

    Args:
        database: an open file.
        binding: the bundle of the store; None takes any store that exists.
        options: key, clock, and what to do with a store of another backbone.

    Returns:
        The tables of the store.

    Raises:
        BadInput: not a store, of another backbone, damaged, or another key; nothing was changed.
    """
    if is_empty(database):
        _create(database, binding, options)
    version = check_schema(database)
    rows = _present(database, binding, options) if version == SCHEMA_VERSION else migrate(database, binding, options)
    database.enter_wal()
    with rows.reading():
        rows.check_rows()
    if rows.state is None and not isinstance(rows.cipher, NoKey):  # everything was deleted without the key
        with rows.writing():
            rows.state = StoreState(ClockState(finite_reading(options.clock)), 0)
    return rows


def refuse_other_samples(database: Database, row: dict[str, object], binding: BundleBinding | None) -> None:
    """Check that a store's samples mean something to a bundle.

    Args:
        database: of the store.
        row: columns of the store's binding.
        binding: of the bundle; None: any.

    Raises:
        BadInput: they do not.
    """
    if binding is not None and not binding.understands(row):
        raise other_samples(database.path, row, binding)


def _present(database: Database, binding: BundleBinding | None, options: StoreOptions) -> Rows:
    row = binding_row(database)
    check_binding(database.path, row)
    if options.on_other_backbone == "refuse":
        refuse_other_samples(database, row, binding)
    cipher = matching_cipher(options.key, row["key_check"], database.path)
    if binding is not None and isinstance(cipher, NoKey):
        raise KeyRequired(f"{database.path} is encrypted; give its key (--key-file)")
    database.check_integrity()
    return Rows(database, cipher)


def _create(database: Database, binding: BundleBinding | None, options: StoreOptions) -> None:
    if binding is None:
        raise BadInput(f"{database.path} is not a personal store: it is empty")
    rows = Rows(database, new_cipher(options.key, database.path))
    database.enter_wal()
    with database.transaction():
        if not is_empty(database):
            return  # another process was faster
        database.run_script(present_schema())
        rows.create(binding.columns, ClockState(finite_reading(options.clock)))
