"""Archives with given members, octet by octet where the standard library writes none: 7z, RAR and encrypted zip.

Fails as: nothing; members are small and ours.
"""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import zipfile
from binascii import crc32
from collections.abc import Mapping

_EXTERNAL_NO, _END = b"\0", b"\0"


def zipped(members: Mapping[str, bytes], *, stored: bool = False) -> bytes:
    """A zip archive."""
    made = io.BytesIO()
    method = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(made, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, compress_type=method)
    return made.getvalue()


def encrypted_zip(name: str, data: bytes, password: bytes) -> bytes:
    """A zip archive with one stored member under the traditional PKWARE encryption (APPNOTE 6.1)."""
    crc = crc32(data)
    # APPNOTE 6.1.6: twelve octets lead, of which the last proves the password.
    body = _Zip2Cipher(password).encrypt(bytes(11) + struct.pack(">I", crc)[:1] + data)
    sizes = struct.pack("<III", crc, len(body), len(data))
    common = struct.pack("<HHHHH", 20, 1, 0, 0, 0x21) + sizes + struct.pack("<HH", len(name), 0)
    local = b"PK\x03\x04" + common + name.encode() + body
    central = b"PK\x01\x02" + struct.pack("<H", 20) + common + bytes(14) + name.encode()
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local), 0)
    return local + central + end


class _Zip2Cipher:
    """APPNOTE 6.1.5: three keys, moved on by each octet."""

    def __init__(self, password: bytes) -> None:
        self._keys = [0x12345678, 0x23456789, 0x34567890]
        for octet in password:
            self._move_on(octet)

    def encrypt(self, data: bytes) -> bytes:
        return bytes(self._one(octet) for octet in data)

    def _one(self, octet: int) -> int:
        low = (self._keys[2] | 2) & 0xFFFF
        coded = octet ^ ((low * (low ^ 1)) >> 8 & 0xFF)
        self._move_on(octet)
        return coded

    def _move_on(self, octet: int) -> None:
        first, second, third = self._keys
        first = _crc_step(first, octet)
        second = ((second + (first & 0xFF)) * 134775813 + 1) & 0xFFFFFFFF
        self._keys = [first, second, _crc_step(third, second >> 24)]


def _crc_step(state: int, octet: int) -> int:
    """One octet of CRC-32 without its inversions at both ends."""
    return crc32(bytes((octet,)), state ^ 0xFFFFFFFF) ^ 0xFFFFFFFF


def tar_gz(members: Mapping[str, bytes]) -> bytes:
    """A gzip-compressed tar archive."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return gzip.compress(made.getvalue(), mtime=0)


def seven_zip(name: str, data: bytes) -> bytes:
    """A 7-Zip archive with one member, copied (7zFormat.txt)."""
    size, crc = _seven_number(len(data)), struct.pack("<I", crc32(data))
    pack = b"\x06" + b"\0" + b"\x01" + b"\x09" + size + _END
    folder = b"\x01" + b"\x01\x00"  # one coder, whose id is one octet long: Copy
    unpack = b"\x07" + b"\x0b\x01" + _EXTERNAL_NO + folder + b"\x0c" + size + _END
    streams = b"\x08" + b"\x0a\x01" + crc + _END
    names = _EXTERNAL_NO + name.encode("utf-16-le") + b"\0\0"
    files = b"\x05\x01" + b"\x11" + _seven_number(len(names)) + names + _END
    header = b"\x01" + b"\x04" + pack + unpack + streams + _END + files + _END
    start = struct.pack("<QQI", len(data), len(header), crc32(header))
    return b"7z\xbc\xaf\x27\x1c\0\x04" + struct.pack("<I", crc32(start)) + start + data + header


def _seven_number(value: int) -> bytes:
    """7-Zip's number, up to 14 bits: how many octets follow is told by the leading ones of the first."""
    return bytes((value,)) if value < 0x80 else bytes((0x80 | value >> 8, value & 0xFF))


def rar4(name: str, data: bytes) -> bytes:
    """A RAR archive of version 2.9 to 4 with one stored member (technote.txt)."""
    main = _rar4_block(0x73, 0, bytes(6))
    sizes = struct.pack("<II", len(data), len(data))
    what = sizes + b"\x03" + struct.pack("<IIBBHI", crc32(data), 0x21 << 16, 20, 0x30, len(name), 0o100644)
    member = _rar4_block(0x74, 0x8000, what + name.encode()) + data
    return b"Rar!\x1a\x07\x00" + main + member + _rar4_block(0x7B, 0x4000, b"")


def _rar4_block(kind: int, flags: int, fields: bytes) -> bytes:
    block = struct.pack("<BHH", kind, flags, 7 + len(fields)) + fields
    return struct.pack("<H", crc32(block) & 0xFFFF) + block


def rar5(name: str, data: bytes) -> bytes:
    """A RAR 5 archive with one stored member (technote.txt)."""
    has_data, has_crc, unix = 2, 4, 1
    size = _rar5_number(len(data))
    member = (
        bytes((2, has_data)) + size + bytes((has_crc,)) + size + _rar5_number(0o100644) + struct.pack("<I", crc32(data))
        + bytes((0, unix)) + _rar5_number(len(name)) + name.encode()
    )  # fmt: skip
    blocks = _rar5_block(b"\x01\x00\x00") + _rar5_block(member) + data + _rar5_block(b"\x05\x00\x00")
    return b"Rar!\x1a\x07\x01\x00" + blocks


def _rar5_block(fields: bytes) -> bytes:
    block = _rar5_number(len(fields)) + fields
    return struct.pack("<I", crc32(block)) + block


def _rar5_number(value: int) -> bytes:
    """Seven bits an octet, the lowest first."""
    coded = bytearray()
    while value >= 0x80:
        coded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*coded, value))


# ── bombs: far more inside than they are ──

_MEBIBYTE = 1 << 20


def nested_bomb(levels: int = 5, width: int = 16) -> bytes:
    """Zips of zips, in the manner of 42.zip: 16 MiB of zeros, sixteen times on each of five levels."""
    data = zipped({"0.bin": bytes(16 * _MEBIBYTE)})
    for _ in range(levels):
        data = zipped({f"{number}.zip": data for number in range(width)})
    return data


def gzip_bomb(members: int = 64) -> bytes:
    """One gibibyte of zeros in gzip's members of 16 MiB."""
    return gzip.compress(bytes(16 * _MEBIBYTE), mtime=0) * members


def deep_zip(depth: int, data: bytes) -> bytes:
    """A zip in a zip in a zip …"""
    for _ in range(depth):
        data = zipped({"deeper.zip": data}, stored=True)
    return data
