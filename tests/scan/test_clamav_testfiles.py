"""Debian's clamav-testfiles: one harmless program in 44 containers. With its digest as the only signature it is found
in every container that the builtin engine opens; whatever it does not open is held or forbidden. None is clean.
"""

from pathlib import Path

import pytest

from lockdown.config import Antivirus
from lockdown.mime.kinds import KINDS
from lockdown.model.scan import Content
from lockdown.scan.builtin import Builtin
from tests.scan.parcels import message

FOLDER = Path("/usr/share/clamav-testfiles")
PROGRAM = "71e7b604d18aefd839e51a39c88df8383bb4c071dc31f87f00a2b5df580d4495"

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the package clamav-testfiles is not installed")

FOUND = (
    "clam.7z", "clam.bin-be.cpio", "clam.bin-le.cpio", "clam.bz2.zip", "clam.cab", "clam.exe", "clam.exe.binhex",
    "clam.exe.bz2", "clam.exe.html", "clam.exe.mbox.base64", "clam.exe.mbox.uu", "clam.exe.rtf", "clam.exe.szdd",
    "clam.mail", "clam.newc.cpio", "clam.odc.cpio", "clam.ole.doc", "clam.pdf", "clam.ppt", "clam.tar.gz",
    "clam.tnef", "clam.zip",
)  # fmt: skip
UNREAD = {
    "clam.arj": "no builtin reader for arj",
    "clam.chm": "no builtin reader for chm",
    "clam.sis": "no builtin reader for sis",
    "clam.d64.zip": "no builtin reader for a member that is deflated with 64 KiB",
    "clam.impl.zip": "no builtin reader for a member that is imploded",
    "clam_cache_emax.tgz": "8 containers deep; deeper is not read",
}
FORBIDDEN = (
    "clam-aspack.exe", "clam-fsg.exe", "clam-mew.exe", "clam-nsis.exe", "clam-pespin.exe", "clam-petite.exe",
    "clam-upack.exe", "clam-upx.exe", "clam-wwpack.exe", "clam-yc.exe", "clam.ea05.exe", "clam.ea06.exe",
    "clam_IScab_ext.exe", "clam_IScab_int.exe", "clam_ISmsi_ext.exe", "clam_ISmsi_int.exe",
)  # fmt: skip
"""Programs that unpack themselves: what is in them is not looked for, since no program is let in."""


@pytest.fixture(scope="module")
def engine() -> Builtin:
    return Builtin(Antivirus(), {PROGRAM: "clam"})


def content_of(engine: Builtin, name: str) -> Content:
    return engine.read(message((name, (FOLDER / name).read_bytes()))).content


@pytest.mark.parametrize("name", FOUND)
def test_the_program_is_found_in(name: str, engine: Builtin) -> None:
    assert "clam" in {find.name for find in content_of(engine, name).found}


@pytest.mark.parametrize("name", UNREAD)
def test_what_is_not_opened_says_so(name: str, engine: Builtin) -> None:
    assert UNREAD[name] in {unread.why for unread in content_of(engine, name).unread}


@pytest.mark.parametrize("name", FORBIDDEN)
def test_a_packed_program_is_a_program(name: str, engine: Builtin) -> None:
    assert KINDS[next(file.kind for file in content_of(engine, name).files if file.path == name)].dangerous


def test_every_file_of_the_package_is_in_one_of_the_tables() -> None:
    assert {*FOUND, *UNREAD, *FORBIDDEN} == {path.name for path in FOLDER.iterdir()}
