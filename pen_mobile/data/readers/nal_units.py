"""Damage that a decoder does not notice: bytes that H.264 and HEVC never write.

Inside a unit of the stream, two zero bytes are never followed by a byte of 0, 1 or 2: encoders put a 3 between them
(ITU-T H.264, 7.4.1; H.265, 7.4.2). A sector of zeros in the middle of a file breaks this rule wherever it lies.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

_FORBIDDEN = (b"\0\0\0", b"\0\0\1", b"\0\0\2")


@dataclass(frozen=True)
class UnitFormat:
    """How units lie in the packets of a stream.

    Attributes:
        codec: ``h264`` or ``hevc``; any other has no such units.
        length_bytes: how many bytes stand before each unit and give its length; 0 where start codes separate them.
    """

    codec: str
    length_bytes: int

    @classmethod
    def of(cls, codec: str, configuration: bytes | None) -> UnitFormat:
        """Read the format from a decoder configuration (ISO/IEC 14496-15, 5.3.3 and 8.3.3).

        Args:
            codec: name of the codec.
            configuration: as the container has it; None where there is none.
        """
        place = {"h264": 4, "hevc": 21}.get(codec, 0)
        if not place or not configuration or configuration[0] != 1 or len(configuration) <= place:
            return cls(codec, 0)
        return cls(codec, (configuration[place] & 3) + 1)

    def is_legal(self, packet: bytes) -> bool:
        """Tell whether a packet is a row of whole units whose pictures hold no forbidden bytes.

        Args:
            packet: compressed data of one frame; without lengths before its units, it is legal.
        """
        if not self.length_bytes:
            return True
        return all(unit is not None and self._is_legal_unit(unit) for unit in self._units(packet))

    def _is_legal_unit(self, unit: bytes) -> bool:
        return not self._is_picture(unit) or not any(sequence in unit for sequence in _FORBIDDEN)

    def _is_picture(self, unit: bytes) -> bool:
        """Tell pictures from messages beside them, which some cameras write against the rule."""
        if not unit:
            return False
        return 1 <= unit[0] & 31 <= 5 if self.codec == "h264" else (unit[0] >> 1) & 63 < 32

    def _units(self, packet: bytes) -> Iterator[bytes | None]:
        """Yield every unit without the zeros that may follow it, None for one that the packet does not hold whole."""
        place = 0
        while place < len(packet):
            start = place + self.length_bytes
            place = start + int.from_bytes(packet[place:start], "big")
            yield packet[start:place].rstrip(b"\0") if place <= len(packet) else None
