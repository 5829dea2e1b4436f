"""Blobs of any length: the first mebibyte stands in the row they belong to, what follows in rows of its own.

Android reads a row through a cursor window of 2 MB.
"""

from __future__ import annotations

from collections.abc import Iterable

from pen_mobile.phone.store.rows import Rows

PIECE_BYTES = 1 << 20
"""Longest piece before it is sealed."""
_INSERT = "INSERT INTO piece (kind, row_id, number, content) VALUES (?, ?, ?, ?)"
_FOLLOWING = "SELECT number, content FROM piece WHERE kind = ? AND row_id = ? ORDER BY number"


class Blobs:
    """Long blobs of one kind; writing belongs inside :meth:`Rows.writing`.

    A piece is bound to ``kind``, the fields of its row, its number and the number of pieces.
    """

    def __init__(self, rows: Rows, kind: str) -> None:
        self._rows, self._kind = rows, kind

    def write(self, row: int, fields: tuple[object, ...], blob: bytes) -> bytes:
        """Write what follows the first piece, and return the first piece for its row.

        Args:
            row: of the table that the blob belongs to.
            fields: what the blob is bound to.
            blob: any number of bytes.
        """
        pieces = [blob[at : at + PIECE_BYTES] for at in range(0, len(blob), PIECE_BYTES)] or [b""]
        sealed = [
            self._rows.seal(piece, self._kind, *fields, number, len(pieces)) for number, piece in enumerate(pieces)
        ]
        for number, content in enumerate(sealed[1:], 1):
            self._rows.database.execute(_INSERT, (self._kind, row, number, content))
        return sealed[0]

    def read(self, row: int, fields: tuple[object, ...], first: object, size: int) -> bytes:
        """Return a blob.

        Args:
            row: of the table that the blob belongs to.
            fields: what the blob is bound to.
            first: first piece, as it stands in the row.
            size: bytes that the blob has.

        Raises:
            BadInput: a piece is missing, damaged, or another one's.
        """
        count = max(1, -(-size // PIECE_BYTES))
        blob = self._rows.open(first, self._kind, *fields, 0, count)
        if count > 1:
            blob += self._rest(row, fields, count)
        if len(blob) != size:
            raise self._rows.damaged(self._kind, *fields[:1])
        return blob

    def delete(self, rows: Iterable[int]) -> None:
        """Delete what follows the first pieces of these rows."""
        for row in rows:
            self._rows.database.execute("DELETE FROM piece WHERE kind = ? AND row_id = ?", (self._kind, row))

    def _rest(self, row: int, fields: tuple[object, ...], count: int) -> bytes:
        found = dict(self._rows.database.rows(_FOLLOWING, (self._kind, row)))
        if sorted(found) != list(range(1, count)):
            raise self._rows.damaged(self._kind, *fields[:1])
        return b"".join(
            self._rows.open(found[number], self._kind, *fields, number, count) for number in range(1, count)
        )
