"""Reduce secrets at reading, so that a snapshot may be shared: what it does not hold, it cannot leak.

Tables of passwords are never read at all (`facts.postfix.table_path`); this is for what people write in line.
"""

from __future__ import annotations

import re

HIDDEN = "***"
_TABLE = r"(?:proxy:)?\w+:/[\w./-]+"
# A setting named after passwords keeps the names of its tables, and nothing else.
_PASSWORD_SETTING = re.compile(
    r"(?m)^(?P<name>[ \t]*\S*(?:passw|secret|token)\w*[ \t]*=[ \t]*)(?P<value>[^\n]*(?:\n[ \t]+\S[^\n]*)*)",
    re.IGNORECASE,
)
_PASSWORD_OPTION = re.compile(
    r"(?P<name>-o[ \t]*\{?[ \t]*\w*(?:passw|secret|token)\w*[ \t]*=[ \t]*)(?P<value>[^\s}]+)", re.IGNORECASE
)
_PASSWORD_ARGUMENT = re.compile(r"(?P<name>--?\w*(?:passw|secret|token)\w*[= \t]+)(?P<value>[^\s=]+)", re.IGNORECASE)
_IN_URL = re.compile(r"(?P<name>://)(?P<value>[^@/\s]+)(?=@)")
_TABLES_ONLY = re.compile(rf"(?:{_TABLE}[\s,]*)*\Z")


def without_secrets(text: str) -> str:
    """The text with every password that is written in it replaced by `***`."""
    for pattern in (_PASSWORD_SETTING, _PASSWORD_OPTION, _PASSWORD_ARGUMENT, _IN_URL):
        text = pattern.sub(_hide, text)
    return text


def _hide(found: re.Match[str]) -> str:
    value = found["value"].strip()
    harmless = _TABLES_ONLY.match(value) or re.fullmatch(r"yes|no|[\d.]+[smhdw]?|\$\w+", value)
    return found[0] if harmless else found["name"] + HIDDEN
