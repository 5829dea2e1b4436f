"""The first steps of every opening: make a store, or check that a file is one, with this key, of this backbone."""

from __future__ import annotations

from pen_mobile.errors import BadInput
from pen_mobile.phone.store.bundle_binding import BundleBinding, bundle_row, create, other_backbone
from pen_mobile.phone.store.database import Database
from pen_mobile.phone.store.encryption import Cipher, matching_cipher, new_cipher
from pen_mobile.phone.store.migration import check_version, migrate, present_schema
from pen_mobile.phone.store.options import StoreOptions

_ANYTHING = "SELECT 1 FROM sqlite_master LIMIT 1"


def prepare(database: Database, binding: BundleBinding | None, options: StoreOptions) -> Cipher:
    """Check a store and bring it to the present schema, or make a new one; return how its blobs are kept.

    Args:
        database: an open file.
        binding: the bundle of the store; None takes any store that exists.
        options: key, clock, and what to do with a store of another backbone.

    Raises:
        BadInput: not a store, of another backbone, damaged, or another key; nothing was changed.
    """
    if not database.rows(_ANYTHING) and not database.number("PRAGMA user_version"):
        _create(database, binding, options)
    check_version(database)
    row = bundle_row(database)
    if binding is not None and options.on_other_backbone == "refuse" and not binding.understands(row):
        raise other_backbone(database.path, row, binding)
    cipher = matching_cipher(options.key, row.get("key_check"), database.path)
    database.check_integrity()
    migrate(database, options.clock())
    database.enter_wal()
    return cipher


def _create(database: Database, binding: BundleBinding | None, options: StoreOptions) -> None:
    if binding is None:
        raise BadInput(f"{database.path} is not a personal store: it is empty")
    key_check = new_cipher(options.key, database.path).key_check()
    database.enter_wal()
    with database.transaction():
        if database.rows(_ANYTHING):
            return  # another process was faster
        database.run_script(present_schema())
        create(database, binding, key_check)
