"""The true type of a file: by its content first, by its name only where the content is text or tells nothing.

Looks at the first few KiB, and at the end for containers that keep their list there. libmagic is not asked: it is C
that walks hostile bytes with rules made for friendly ones, it guesses at text, and it would run in the process that
talks to the network.
Fails as: "unknown" (binary, no signature that we know), never raises. `KINDS` lists every word it may say.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from lockdown.mime.filename import extension
from lockdown.mime.kinds import KINDS, NAMES, NAMES_OF_TEXT, Family, Kind, Told
from lockdown.mime.packages import end_of_zip, kind_of_ole, kind_of_zip
from lockdown.mime.textkind import kind_of_text

__all__ = ["KINDS", "Family", "Kind", "Told", "kind_of"]

HEAD = 4096
"""Octets at the start that are looked at; text is told from binary by a quarter of them."""
_SAMPLE = 1024
_SEARCHED = 512 * 1024
"""How far in an archive may begin whose reader looks for its start: self-extracting ones, RAR."""

_TEXT_OCTETS = bytes([*range(7, 14), 27, *range(32, 256)])
_BYTE_ORDER_MARKS = (b"\xff\xfe", b"\xfe\xff")


def kind_of(data: bytes, name: str = "") -> str:
    """The word of `KINDS` for this content. `name` decides where text is a script by its name alone."""
    found = _by_content(data)
    return _by_name(found, data, name) if name else found


# ── by content ──


def _by_content(data: bytes) -> str:
    head = data[:HEAD]
    if not head:
        return "empty"
    for signature, word in _SIGNATURES_BY_FIRST[head[0]]:
        if head.startswith(signature):
            refine = _REFINED.get(word)
            found = refine(data, head) if refine else word
            if found:
                return found
    sample = head[:_SAMPLE]
    strange = sample.translate(None, _TEXT_OCTETS)
    # A few stray controls do not make a text a program; a NUL does.
    if not strange or (len(strange) * 64 <= len(sample) and b"\0" not in strange):
        return kind_of_text(head)
    return _binary(data, head)


def _binary(data: bytes, head: bytes) -> str:
    for offset, signature, word in _SIGNATURES_WITHIN:
        if data.startswith(signature, offset):
            refine = _REFINED.get(word)
            found = refine(data, head) if refine else word
            if found:
                return found
    wide = _utf16(head)
    if wide is not None:
        return kind_of_text(wide)
    return _by_structure(data, head) or "unknown"


def _utf16(head: bytes) -> bytes | None:
    """The start as UTF-8 where it is UTF-16, as what Windows writes often is; None where it is not."""
    marked = head[:2] in _BYTE_ORDER_MARKS
    little = head[:2] == b"\xff\xfe" if marked else head[1::2].count(0) > head[0::2].count(0)
    high = head[1::2] if little else head[0::2]
    if not marked and high.count(0) * 10 < len(high) * 9:
        return None
    text = head[: len(head) & ~1].decode("utf-16-le" if little else "utf-16-be", "replace").lstrip("\ufeff")
    if "\0" in text:
        return None
    return text.encode("utf-8", "replace")


def _by_structure(data: bytes, head: bytes) -> str:
    """Types without a signature at a fixed place, the surest first."""
    if b"%PDF-" in head[:_SAMPLE]:
        return "pdf"
    for looks_like, word in _STRUCTURES:
        if looks_like(data, head):
            return word
    if end_of_zip(data) >= 0:
        return kind_of_zip(data)
    if data.find(b"Rar!\x1a\x07", 0, _SEARCHED) >= 0:
        return "rar4"
    return "7z" if data.find(b"7z\xbc\xaf\x27\x1c", 0, _SEARCHED) >= 0 else ""


def _is_old_tar(data: bytes, head: bytes) -> bool:
    """The checksum of the header (POSIX 1003.1 ustar, offset 148) is right; the magic came later than the format."""
    if len(head) < 512 or not head[0]:
        return False
    said = head[148:156].strip(b" \0")
    if not said.isdigit() or len(said) > 7:
        return False
    block = head[:148] + b" " * 8 + head[156:512]
    return sum(block) == int(said, 8) if not set(said) & set(b"89") else False


def _is_boot_sector(data: bytes, head: bytes) -> bool:
    """A FAT or NTFS boot sector, or a partition table with believable entries."""
    if head[510:512] != b"\x55\xaa":
        return False
    jumps = head[0] == 0xE9 or (head[0] == 0xEB and head[2] == 0x90)
    if jumps and int.from_bytes(head[11:13], "little") in (512, 1024, 2048, 4096):
        return True
    entries = [head[at : at + 16] for at in range(446, 510, 16)]
    return any(entry[4] for entry in entries) and all(entry[0] in (0, 0x80) for entry in entries)


def _is_fat_without_mark(data: bytes, head: bytes) -> bool:
    return head[:1] == b"\xeb" and head[2:3] == b"\x90" and head[54:57] == b"FAT"


def _is_macbinary(data: bytes, head: bytes) -> bool:
    """MacBinary II: zero, a name of 1 to 63 octets, zeros at 74 and 82, version at 122."""
    return len(head) >= 128 and head[0] == 0 and 0 < head[1] < 64 and not head[74] and not head[82] and (
        head[122] in (129, 130) and head[123] in (129, 130)
    )  # fmt: skip


def _is_arc(data: bytes, head: bytes) -> bool:
    """ARC: 0x1A, a method, an 8.3 name that ends with NUL, a size that fits."""
    if len(head) < 19:
        return False
    name, nul, _ = head[2:15].partition(b"\0")
    return (
        head[:1] == b"\x1a" and 1 <= head[1] <= 12 and bool(nul) and 0 < len(name) <= 12
        and not name.translate(None, _TEXT_OCTETS) and int.from_bytes(head[15:19], "little") <= len(data)
    )  # fmt: skip


def _is_fixed_vhd(data: bytes, head: bytes) -> bool:
    return data[-512:-504] == b"conectix" or data[-511:-503] == b"conectix"


def _is_dmg(data: bytes, head: bytes) -> bool:
    return data[-512:-508] == b"koly"


def _is_lzma(data: bytes, head: bytes) -> bool:
    """LZMA alone: properties below 225, a dictionary of a usual size, a length that is unknown or believable."""
    if len(head) < 14 or head[0] >= 225 or head[13]:
        return False
    dictionary, size = int.from_bytes(head[1:5], "little"), int.from_bytes(head[5:13], "little")
    usual = dictionary >= 4096 and dictionary & (dictionary - 1) == 0
    return usual and (size == 2**64 - 1 or size < 2**40) and head[0] in (0x5D, 0x5E, 0x2D, 0x6D)


_STRUCTURES: tuple[tuple[Callable[[bytes, bytes], bool], str], ...] = (
    (_is_old_tar, "tar"),
    (_is_boot_sector, "img"),
    (_is_fat_without_mark, "img"),
    (_is_fixed_vhd, "vhd"),
    (_is_dmg, "dmg"),
    (_is_macbinary, "macbinary"),
    (_is_arc, "arc"),
    (_is_lzma, "lzma"),
)


# ── signatures that need a second look ──


def _windows_program(data: bytes, head: bytes) -> str:
    """MZ and a PE header is a Windows program; MZ in binary is an old one; two letters that begin a text are not."""
    at = int.from_bytes(head[60:64], "little")
    if len(head) >= 64 and data[at : at + 4] == b"PE\0\0":
        return "pe"
    binary = head[:_SAMPLE].translate(None, _TEXT_OCTETS)
    return "dos-exe" if binary and len(head) >= 28 else ""


def _java_or_mac(data: bytes, head: bytes) -> str:
    """A class has a version from 45 on where a fat Mach-O has the number of its architectures."""
    return "mach-o" if int.from_bytes(head[4:8], "big") < 40 else "java-class"


def _bitmap(data: bytes, head: bytes) -> str:
    return "bmp" if len(head) > 18 and int.from_bytes(head[14:18], "little") in (12, 40, 52, 56, 64, 108, 124) else ""


def _flash(data: bytes, head: bytes) -> str:
    return "swf" if len(head) > 8 and head[3] < 64 and b"\0" in head[3:8] else ""


def _riff(data: bytes, head: bytes) -> str:
    return {b"WEBP": "webp", b"WAVE": "wav", b"AVI ": "avi", b"ACON": "ico"}.get(head[8:12], "")


def _media(data: bytes, head: bytes) -> str:
    brand = head[8:12]
    if brand in (b"heic", b"heix", b"mif1", b"msf1", b"avif", b"heim", b"hevc"):
        return "heif"
    return "jpeg2000" if brand in (b"jp2 ", b"jpx ") else "mp4"


def _archive(data: bytes, head: bytes) -> str:
    return "deb" if head[8:21] == b"debian-binary" else "ar"


def _icon(data: bytes, head: bytes) -> str:
    return "ico" if len(head) > 21 and 0 < int.from_bytes(head[4:6], "little") < 200 and head[9] == 0 else ""


def _ttf(data: bytes, head: bytes) -> str:
    return "font" if 0 < int.from_bytes(head[4:6], "big") < 64 else ""


def _emf(data: bytes, head: bytes) -> str:
    return "emf" if head[40:44] == b" EMF" else ""


def _cms(data: bytes, head: bytes) -> str:
    """DER of id-signedData, id-envelopedData and kin (RFC 5652)."""
    return "pkcs7" if b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07" in head[:20] else ""


def _bzip2(data: bytes, head: bytes) -> str:
    return "bzip2" if head[3:4].isdigit() and head[4:10] in (b"1AY&SY", b"\x17rE8P\x90") else ""


def _mp3(data: bytes, head: bytes) -> str:
    return "mp3" if len(head) > 4 and head[1] in (0xFB, 0xF3, 0xF2, 0xFA) and head[2] & 0xF0 not in (0, 0xF0) else ""


def _cpio_text(data: bytes, head: bytes) -> str:
    return "cpio" if re.match(rb"07070[127][0-9A-Fa-f]{60}", head) else ""


def _lha(data: bytes, head: bytes) -> str:
    return "lha" if head[6:7] == b"-" and head[4:5] in b"hz" else ""


def _vdi(data: bytes, head: bytes) -> str:
    return "vdi"


def _ole(data: bytes, head: bytes) -> str:
    return kind_of_ole(data)


def _zip(data: bytes, head: bytes) -> str:
    return kind_of_zip(data)


_REFINED: Mapping[str, Callable[[bytes, bytes], str]] = {
    "?mz": _windows_program, "?cafebabe": _java_or_mac, "?bmp": _bitmap, "?swf": _flash, "?riff": _riff,
    "?ftyp": _media, "?ar": _archive, "?ico": _icon, "?ttf": _ttf, "?emf": _emf, "?cms": _cms, "?bzip2": _bzip2,
    "?mp3": _mp3, "?cpio": _cpio_text, "?lha": _lha, "?ole": _ole, "?zip": _zip,
}  # fmt: skip

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"MZ", "?mz"), (b"ZM", "?mz"), (b"\x7fELF", "elf"), (b"\xca\xfe\xba\xbe", "?cafebabe"),
    (b"\xfe\xed\xfa\xce", "mach-o"), (b"\xfe\xed\xfa\xcf", "mach-o"), (b"\xce\xfa\xed\xfe", "mach-o"),
    (b"\xcf\xfa\xed\xfe", "mach-o"), (b"\xca\xfe\xba\xbf", "mach-o"), (b"dex\n0", "dex"), (b"\0asm", "wasm"),
    (b"FWS", "?swf"), (b"CWS", "?swf"), (b"ZWS", "?swf"), (b"\x1bLua", "lua-bytecode"), (b"Cr24", "xpi"),
    (b"\xed\xab\xee\xdb", "rpm"), (b"\x12\x3a\x00\x10", "sis"), (b"\x7a\x1a\x20\x10", "sis"),
    (b"\0\1\0\0Standard ", "access"),
    (b"\x4c\0\0\0\x01\x14\x02\0", "lnk"), (b"ITSF", "chm"), (b"ITOLITLS", "chm"), (b"?_\x03\0", "hlp"),
    (b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d\xae\xb1\x53\x78\xd0\x29\x96\xd3", "onenote"),
    (b"\xa1\x2f\xff\x43\xd9\xef\x76\x4c\x9e\xe2\x10\xea\x57\x22\x76\x5f", "onenote"),
    (b"#@~^", "jse"),
    (b"vhdxfile", "vhdx"), (b"conectix", "vhd"), (b"KDMV", "vmdk"), (b"# Disk DescriptorFile", "vmdk"),
    (b"QFI\xfb", "qcow"), (b"MSWIM\0\0\0", "wim"), (b"hsqs", "squashfs"), (b"sqsh", "squashfs"),
    (b"PK\x03\x04", "?zip"), (b"PK\x05\x06", "?zip"), (b"PK00PK\x03\x04", "?zip"), (b"PK\x07\x08PK\x03\x04", "?zip"),
    (b"7z\xbc\xaf\x27\x1c", "7z"), (b"Rar!\x1a\x07\x01\0", "rar5"), (b"Rar!\x1a\x07", "rar4"), (b"RE~^", "rar4"),
    (b"MSCF", "cab"), (b"ISc(", "installshield-cab"), (b"\x60\xea", "arj"), (b"ALZ\x01", "alz"), (b"EGGA", "egg"),
    (b"xar!", "xar"), (b"SIT!", "stuffit"), (b"StuffIt", "stuffit"), (b"!<arch>\n", "?ar"),
    (b"07070", "?cpio"), (b"\xc7\x71", "cpio"), (b"\x71\xc7", "cpio"),
    (b"\x1f\x8b", "gzip"), (b"BZh", "?bzip2"), (b"\xfd7zXZ\0", "xz"), (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\x04\x22\x4d\x18", "lz4"), (b"\x02\x21\x4c\x18", "lz4"), (b"LZIP\x01", "lzip"), (b"LZIP\x00", "lzip"),
    (b"\x89LZO\0\r\n\x1a\n", "lzop"), (b"LRZI", "lrzip"), (b"\x1f\x9d", "compress"), (b"\x1f\xa0", "compress"),
    (b"SZDD\x88\xf0\x27\x33", "szdd"), (b"SZ \x88\xf0\x27\x33\xd1", "szdd"), (b"KWAJ\x88\xf0\x27\xd1", "szdd"),
    *((bytes([0x50 + n, 0x2A, 0x4D, 0x18]), "zstd") for n in range(16)),
    (b"\x78\x9f\x3e\x22", "tnef"), (b"ActiveMime", "activemime"),
    (b"\0\x05\x16\x07", "appledouble"), (b"\0\x05\x16\0", "appledouble"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "?ole"), (b"\x0e\x11\xfc\x0d\xd0\xcf\x11\x0e", "ole"),
    (b"\x09\x08\x10\0\0\x06\x05\0", "xls"), (b"\x09\x08\x08\0\0\x05\x05\0", "xls"),
    (b"\x09\x04\x06\0\0\0", "xls"), (b"\x09\x02\x06\0\0\0", "xls"), (b"\x09\0\x04\0", "xls"),
    (b"\xdb\xa5\x2d\0", "doc"), (b"\x31\xbe\0\0", "doc"),
    (b"%PDF-", "pdf"), (b"%!PS", "postscript"), (b"\xc5\xd0\xd3\xc6", "postscript"), (b"AT&TFORM", "djvu"),
    (b"!BDN", "pst"), (b"SQLite format 3\0", "sqlite"),
    (b"\x89PNG\r\n\x1a\n", "png"), (b"\xff\xd8\xff", "jpeg"), (b"GIF87a", "gif"), (b"GIF89a", "gif"), (b"BM", "?bmp"),
    (b"II*\0", "tiff"), (b"MM\0*", "tiff"), (b"RIFF", "?riff"), (b"\0\0\0\x0cjP  ", "jpeg2000"),
    (b"\xff\x4f\xff\x51", "jpeg2000"), (b"\xff\x0a", "jxl"), (b"\0\0\0\x0cJXL ", "jxl"),
    (b"\0\0\x01\0", "?ico"), (b"\0\0\x02\0", "?ico"), (b"8BPS", "psd"), (b"\xd7\xcd\xc6\x9a", "wmf"),
    (b"\x01\0\x09\0\0\x03", "wmf"), (b"\x02\0\x09\0\0\x03", "wmf"), (b"\x01\0\0\0", "?emf"), (b"AC10", "dwg"),
    (b"gimp xcf", "xcf"),
    (b"ID3", "mp3"), (b"\xff", "?mp3"), (b"OggS", "ogg"), (b"fLaC", "flac"), (b"MThd\0\0\0\x06", "midi"),
    (b"\x1a\x45\xdf\xa3", "matroska"), (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "asf"), (b"\0\0\x01\xba", "mpeg"),
    (b"\0\0\x01\xb3", "mpeg"), (b"#!AMR", "amr"), (b"wOFF", "font"), (b"wOF2", "font"), (b"OTTO", "font"),
    (b"ttcf", "font"), (b"\0\1\0\0\0", "?ttf"),
    (b"\x30\x80", "?cms"), (b"\x30\x82", "?cms"), (b"\x30\x83", "?cms"), (b"\x30\x81", "?cms"),
    (b"\xd4\xc3\xb2\xa1", "pcap"), (b"\xa1\xb2\xc3\xd4", "pcap"), (b"\x0a\x0d\x0d\x0a", "pcap"),
)  # fmt: skip
"""How a content begins; a word with a question mark needs a second look, of `_REFINED`."""

_SIGNATURES_WITHIN: tuple[tuple[int, bytes, str], ...] = (
    (257, b"ustar", "tar"), (4, b"ftyp", "?ftyp"), (4, b"moov", "mp4"), (2, b"-l", "?lha"), (7, b"**ACE**", "ace"),
    (20, b"\xdc\xa7\xc4\xfd", "zoo"), (0x40, b"\x7f\x10\xda\xbe", "vdi"), (8, b"\x19\x04\0\x10", "sis"),
    (2, b"\x0d\x0d\x0a", "pyc"), (2, b"\x0d\x0a", "pyc"),
    (0x8001, b"CD001", "iso"), (0x8801, b"CD001", "iso"), (0x9001, b"CD001", "iso"), (0x8001, b"BEA01", "udf"),
    (0x8001, b"NSR0", "udf"), (0x8801, b"NSR0", "udf"), (0x438, b"\x53\xef", "ext"),
)  # fmt: skip
"""What stands further in, for binary contents."""

_SIGNATURES_BY_FIRST: tuple[tuple[tuple[bytes, str], ...], ...] = tuple(
    tuple((signature, word) for signature, word in _SIGNATURES if signature[0] == first) for first in range(256)
)


# ── by name ──

_PROGRAM_OF_NAME = "com"
_RUN_WHATEVER_IS_IN_THEM = {
    "hta": "hta", "bat": "bat", "cmd": "bat", "ps1": "ps1", "url": "url", "website": "url", "inf": "inf", "scf": "scf",
}  # fmt: skip
"""Their interpreters skip what they do not understand: a picture under such a name still runs."""
_SHOWN_BY_BROWSERS = {
    **dict.fromkeys(("html", "htm", "shtml", "xhtml", "xht"), "html"), "svg": "svg",
    **dict.fromkeys(("mht", "mhtml"), "mht"),
}  # fmt: skip
"""Browsers go by these names too, whatever the file begins with."""
_MAY_BE_A_PAGE = frozenset({"png", "gif", "jpeg", "bmp"})
_LETTERS = {
    "eml": "eml",
    "emlx": "emlx",
    "ics": "ics",
    "vcf": "vcard",
    "slk": "sylk",
    "uue": "uuencode",
    "uu": "uuencode",
}
_PLAIN = frozenset({"text", "unknown", "empty"})
_OVERRULED = _PLAIN | {
    "html",
    "svg",
    "xml",
    "json",
    "csv",
    "css",
    "mht",
    "pem",
    "eml",
    "mbox",
    "ics",
    "vcard",
}
"""Contents that are text, or may be text as well: a script can begin like any of them."""


def _by_name(found: str, data: bytes, name: str) -> str:
    """Let the name decide where the system that opens the file would let it."""
    if KINDS[found].dangerous:
        return found
    last = extension(name)
    word = _RUN_WHATEVER_IS_IN_THEM.get(last) or _runs_by_name(last, found)
    if word:
        return word
    if last in _ENDS_IN_A_ZIP and found in _MAY_END_IN_A_ZIP and end_of_zip(data) >= 0:
        return kind_of_zip(data) if last != "jar" else "jar"
    if (
        (found in _OVERRULED or found in _MAY_BE_A_PAGE)
        and last in _SHOWN_BY_BROWSERS
        and (found != "eml" or last in ("mht", "mhtml"))
    ):
        return _SHOWN_BY_BROWSERS[last]
    return _text_by_name(last, data) if found == "text" else found


def _runs_by_name(last: str, found: str) -> str:
    """The dangerous kind that this extension makes of it, or ""; the name of a message is its subject, never run."""
    word = NAMES_OF_TEXT.get(last) or NAMES.get(last) or ""
    if not word or not KINDS[word].dangerous or found == "mbox" or (word == _PROGRAM_OF_NAME and found not in _PLAIN):
        return ""
    if found in _OVERRULED:
        return word
    # What begins like a picture, a sound, a font can go on as a script. Not every "logo of example.pl" is Perl.
    is_of_windows = word in NAMES_OF_TEXT.values() and word not in ("script", "shell")
    return word if is_of_windows and KINDS[found].family in (Family.PICTURE, Family.OTHER) else ""


def _text_by_name(last: str, data: bytes) -> str:
    return NAMES_OF_TEXT.get(last) or _LETTERS.get(last) or "text"


_ENDS_IN_A_ZIP = frozenset({
    "zip", "jar", "docx", "docm", "xlsx", "xlsm", "xlsb", "pptx", "pptm", "apk", "odt", "ods", "odp", "epub", "xpi",
})  # fmt: skip
_MAY_END_IN_A_ZIP = frozenset({"text", "png", "gif", "jpeg", "bmp", "pdf", "html", "xml"})
