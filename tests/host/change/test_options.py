"""An option in a file of the distribution is changed on its own line; the file stays what it was otherwise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockdown.host.change.edits import edited
from lockdown.host.change.options import option_value, with_option
from lockdown.model.change import OptionStyle, SetOption

LOGIN_DEFS = "# max days\n#PASS_MAX_DAYS 1\nPASS_MAX_DAYS\t99999\nUMASK 022\n"
EXIM = "primary_hostname = mail\nacl_smtp_rcpt = acl_check_rcpt\ntls_on = a : \\\n  b\n\nbegin acl\nhelo = x\n"
SHELL = "dc_eximconfig_configtype='internet'\ndc_relay_nets=''\n"
SHELL_PATH = "/etc/exim4/update-exim4.conf.conf"
TEXTS = st.text(alphabet=st.sampled_from("AB =\n\r\t#\\'begin\0"), max_size=60)


@pytest.mark.parametrize(
    ("text", "path", "name", "value", "style", "new"),
    [
        (LOGIN_DEFS, "/etc/login.defs", "PASS_MAX_DAYS", "365", OptionStyle.LOGIN_DEFS,
         LOGIN_DEFS.replace("\t99999", "\t365")),
        (LOGIN_DEFS, "/etc/login.defs", "ENCRYPT_METHOD", "YESCRYPT", OptionStyle.LOGIN_DEFS,
         f"{LOGIN_DEFS}ENCRYPT_METHOD\tYESCRYPT\n"),
        (LOGIN_DEFS, "/etc/login.defs", "UMASK", None, OptionStyle.LOGIN_DEFS, LOGIN_DEFS.replace("UMASK 022\n", "")),
        (EXIM, "/etc/exim4/exim4.conf", "helo", "y", OptionStyle.EXIM, EXIM.replace("begin", "helo = y\nbegin")),
        (EXIM, "/etc/exim4/exim4.conf", "tls_on", "c", OptionStyle.EXIM, EXIM.replace("a : \\\n  b", "c")),
        (EXIM, "/etc/exim4/exim4.conf", "tls_on", None, OptionStyle.EXIM,
         EXIM.replace("tls_on = a : \\\n  b\n", "")),
        (SHELL, SHELL_PATH, "dc_relay_nets", "10.0.0.0/8", OptionStyle.EXIM_MACRO,
         SHELL.replace("nets=''", "nets='10.0.0.0/8'")),
        ("", "/etc/exim4/exim4.conf.localmacros", "MAIN_TLS_ENABLE", "yes", OptionStyle.EXIM_MACRO,
         "MAIN_TLS_ENABLE = yes\n"),
    ],
)  # fmt: skip
def test_only_the_line_of_the_option_is_another(
    text: str, path: str, name: str, value: str | None, style: OptionStyle, new: str
) -> None:
    assert with_option(text, path, name, value, style) == new
    assert option_value(new, path, name, style) == value


def test_an_option_that_holds_keeps_the_way_it_is_written() -> None:
    text = "  PASS_MAX_DAYS   99999  \n"
    holds = SetOption("/etc/login.defs", "PASS_MAX_DAYS", "99999", OptionStyle.LOGIN_DEFS)
    assert edited(text, holds, lambda name: "") == text
    gone = SetOption("/etc/login.defs", "UMASK", None, OptionStyle.LOGIN_DEFS)
    assert edited(text, gone, lambda name: "") == text


@given(TEXTS, st.sampled_from(["A", "AB"]), st.none() | st.sampled_from(["1", "x y"]), st.sampled_from(OptionStyle))
def test_whatever_the_file_the_value_reads_back(text: str, name: str, value: str | None, style: OptionStyle) -> None:
    assert option_value(with_option(text, "/x", name, value, style), "/x", name, style) == value


def test_a_value_that_would_be_two_lines_or_end_its_quotes_is_refused() -> None:
    with pytest.raises(ValueError, match="one line"):
        with_option("", "/etc/login.defs", "A", "1\nB 2", OptionStyle.LOGIN_DEFS)
    with pytest.raises(ValueError, match="quote"):
        with_option(SHELL, SHELL_PATH, "dc_relay_nets", "'; reboot", OptionStyle.EXIM_MACRO)
