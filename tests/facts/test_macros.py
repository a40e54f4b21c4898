"""`$name` in Postfix settings, as Postfix expands it; the installed postconf is the oracle."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from lockdown.facts.postfix_macros import Unexpandable, expand

VALUES = {"name": "example.org", "empty": "", "level": "3.6", "ten": "10", "two": "$name and $name", "loop": "a$loop"}


def expanded(text: str) -> str:
    return expand(text, lambda name: VALUES.get(name, ""))


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("mail.$name", "mail.example.org"),
        ("mail.${name}, $(name)", "mail.example.org, example.org"),
        ("$two", "example.org and example.org"),
        ("costs 5$$", "costs 5$"),
        ("a lone $ and $.", "a lone $ and $."),
        ("[$unheard-of]", "[-of]"),
        ("${name?set}", "set"),
        ("${empty?set}", ""),
        ("${empty:not set}", "not set"),
        ("${name:not set}", ""),
        ("${empty:$name}", "example.org"),
        ("${name?{yes}:{no}}", "yes"),
        ("${empty ? {yes} : {no}}", "no"),
        ("${{$level} <level {3.10} ? {older} : {newer}}", "older"),
        ("${{$level} < {3.10} ? {less} : {more}}", "more"),
        ("${{$ten} > {9} ? {as numbers} : {as text}}", "as numbers"),
        ("${{$name} == {example.org} ? {same}}", "same"),
        ("${{$name} != {example.org} ? {other}}", ""),
        ("${name?{${empty:{deep}}}}", "deep"),
    ],
)
def test_a_macro_means_what_postconf_says(text: str, meant: str) -> None:
    assert expanded(text) == meant


@pytest.mark.parametrize("text", ["$loop", "${name", "${name?{never closed}", "${{a} ~ {b} ? {c}}", "${?}", "${name!}"])
def test_what_postfix_gives_up_on_is_told_and_not_guessed(text: str) -> None:
    with pytest.raises(Unexpandable):
        expanded(text)


def test_a_setting_that_doubles_itself_ends_before_the_memory_does() -> None:
    values = {f"n{number}": f"$n{number + 1}$n{number + 1}" for number in range(28)} | {"n28": "x" * 1000}
    with pytest.raises(Unexpandable, match="too long"):
        expand("$n0", lambda name: values.get(name, ""))


# What these mean is only known while a message is handled; postconf leaves them as they are.
AT_RUN_TIME = {"default_rbl_reply", "forward_path", "postscreen_expansion_filter", "postscreen_reject_footer"}
PROCESS = {"process_id", "process_name", "proxy_read_maps", "proxy_write_maps"}


@pytest.mark.skipif(shutil.which("postconf", path="/usr/sbin") is None, reason="Postfix is not installed")
def test_every_setting_of_the_installed_postfix_expands_as_its_own_postconf_does() -> None:
    raw, meant = _settings("-d"), _settings("-d", "-x")
    assert len(raw) > 500
    for name in raw.keys() - AT_RUN_TIME - PROCESS:
        assert " ".join(expand(raw[name], lambda other: raw.get(other, "")).split()) == " ".join(meant[name].split()), (
            name
        )


def _settings(*options: str) -> dict[str, str]:
    done = subprocess.run(["/usr/sbin/postconf", *options], capture_output=True, text=True, check=True, timeout=20)
    pairs = (line.partition("=") for line in done.stdout.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}
