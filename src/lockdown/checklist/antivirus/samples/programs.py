"""Programs, scripts, shortcuts and disk images that are true to their type and do nothing.

Fails as: nothing; a table of small files.
"""

from __future__ import annotations

import base64
import struct

from lockdown.checklist.antivirus.samples.archives import zipped
from lockdown.checklist.antivirus.samples.documents import MSI, compound

_CD_SECTOR = 2048


def test_virus() -> bytes:
    """The EICAR test file: 68 octets that every antivirus knows, and that do no harm. Assembled only here."""
    return "".join((r"X5O!P%@AP[4\PZX", "54(P^)7CC)7}$EI", "CAR-STANDARD-ANTI", "VIRUS-TEST-FILE!$", "H+H*")).encode()


def program() -> bytes:
    """A Windows program: its headers, and no code ([PE format])."""
    offset = 0x80
    dos = b"MZ" + bytes(58) + struct.pack("<I", offset)
    coff = b"PE\0\0" + struct.pack("<HHIIIHH", 0x14C, 0, 0, 0, 0, 0xE0, 0x0102)
    optional = struct.pack("<H", 0x10B).ljust(0xE0, b"\0")
    return (dos.ljust(offset, b"\0") + coff + optional).ljust(1024, b"\0")


def elf() -> bytes:
    """A Linux program: its header, and nothing to run."""
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    return ident + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0, 0, 0, 0, 64, 0, 0, 0, 0, 0) + bytes(64)


def shortcut() -> bytes:
    """A Windows shortcut that leads nowhere ([MS-SHLLINK])."""
    clsid = bytes.fromhex("0114020000000000c000000000000046")
    return struct.pack("<I", 0x4C) + clsid + struct.pack("<II", 0, 0x20).ljust(56, b"\0")


def cd_image() -> bytes:
    """An ISO 9660 image with an empty root."""
    root = (
        struct.pack("<BB", 34, 0) + _both(19) + _both(_CD_SECTOR) + bytes(7) + b"\x02\0\0" + b"\x01\0\0\x01" + b"\x01\0"
    )
    volume = b"\x01CD001\x01\0" + b" " * 32 + b"CANARY".ljust(32) + bytes(8) + _both(20) + bytes(32)
    volume += _short_both(1) + _short_both(1) + _short_both(_CD_SECTOR)
    first = volume.ljust(156, b"\0") + root
    sectors = [first, b"\xffCD001\x01", b"", root + root.replace(b"\x01\0", b"\x01\x01")]
    return bytes(16 * _CD_SECTOR) + b"".join(sector[:_CD_SECTOR].ljust(_CD_SECTOR, b"\0") for sector in sectors)


def _both(value: int) -> bytes:
    """ISO 9660 7.3.3: little-endian, then big-endian."""
    return struct.pack("<I", value) + struct.pack(">I", value)


def _short_both(value: int) -> bytes:
    return struct.pack("<H", value) + struct.pack(">H", value)


def virtual_disk() -> bytes:
    """A fixed VHD: an empty disk and its footer."""
    footer = b"conectix" + struct.pack(">IIQI", 2, 0x10000, 0xFFFFFFFFFFFFFFFF, 0) + b"lock" + bytes(8)
    footer += struct.pack(">QQHBBI", 4096, 4096, 1, 1, 8, 2)
    checksum = ~sum(footer) & 0xFFFFFFFF
    return bytes(4096) + (footer + struct.pack(">I", checksum)).ljust(512, b"\0")


def disk_image() -> bytes:
    """A FAT12 floppy's first sectors."""
    boot = b"\xeb\x3c\x90MSDOS5.0" + struct.pack("<HBHBHHBHHHI", 512, 1, 1, 2, 224, 2880, 0xF0, 9, 18, 2, 0)
    boot += bytes(4) + b"\0\0\x29" + b"\0\0\0\0" + b"NO NAME    FAT12   "
    return boot.ljust(510, b"\0") + b"\x55\xaa" + b"\xf0\xff\xff".ljust(9 * 512, b"\0")


def notebook() -> bytes:
    """A OneNote section ([MS-ONESTORE] 2.3.1): its two leading GUIDs."""
    return (
        bytes.fromhex("e4525c7b8cd8a74daeb15378d02996d3")
        + bytes(16)
        + bytes.fromhex("3fdd9a101b91f549a5d01791edc8aed8")
        + bytes(976)
    )


def java_program() -> bytes:
    """A jar with a class that is a header alone."""
    manifest = b"Manifest-Version: 1.0\r\nMain-Class: Canary\r\n\r\n"
    return zipped({"META-INF/MANIFEST.MF": manifest, "Canary.class": bytes.fromhex("cafebabe00000034") + bytes(16)})


def installer() -> bytes:
    """A Windows installer package with an empty table."""
    return compound({"Table": b"none\r\n"}, MSI)


def encoded_script() -> bytes:
    """A script in the clothes of Microsoft's script encoder, with nothing in it."""
    return b"#@~^AAAAAA==AAAAAA==^#~@\r\n"


SCRIPTS = {
    "js": b'var nothing = "canary";\r\nWScript.Echo(nothing);\r\n',
    "vbs": b'Dim nothing\r\nnothing = "canary"\r\nWScript.Echo nothing\r\n',
    "wsf": b'<job id="canary"><script language="JScript">var nothing = 1;</script></job>\r\n',
    "hta": b'<html><head><hta:application id="canary"/></head><body>Nothing.</body></html>\r\n',
    "ps1": b"$nothing = 'canary'\r\nWrite-Output $nothing\r\n",
    "bat": b"@echo off\r\necho canary\r\n",
    "reg": b"Windows Registry Editor Version 5.00\r\n\r\n[HKEY_CURRENT_USER\\Software\\Canary]\r\n",
    "url": b"[InternetShortcut]\r\nURL=https://drill.example/\r\n",
    "library-ms": (
        b'<?xml version="1.0" encoding="UTF-8"?>\r\n<libraryDescription '
        b'xmlns="http://schemas.microsoft.com/windows/2009/library"><name>canary</name></libraryDescription>\r\n'
    ),
}
"""Scripts and text shortcuts by the word of their type; each is also its extension."""


def drawing_with_script() -> bytes:
    """An SVG that would run a script."""
    return (
        b'<?xml version="1.0"?>\r\n<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9" onload="canary()">'
        b'<script type="text/javascript">function canary() { return 1; }</script></svg>\r\n'
    )


def smuggling_page(data: bytes, name: str) -> bytes:
    """A page that builds a file in the browser and offers it for download."""
    coded = base64.b64encode(data).decode()
    return (
        "<!DOCTYPE html>\r\n<html><head><title>Document</title></head><body><p>Your document is being prepared.</p>\r\n"
        f'<script>\r\nvar text = atob("{coded}");\r\n'
        "var octets = new Uint8Array(text.length);\r\n"
        "for (var at = 0; at < text.length; at++) { octets[at] = text.charCodeAt(at); }\r\n"
        'var file = new Blob([octets], {type: "octet/stream"});\r\n'
        'var link = document.createElement("a");\r\n'
        f'link.href = URL.createObjectURL(file); link.download = "{name}"; link.click();\r\n'
        "</script></body></html>\r\n"
    ).encode()
