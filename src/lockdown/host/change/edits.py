"""The text of a file after one change of a setting in it. Pure; where the setting holds already, the text is the same.

Fails as: `ValueError` or `LookupError` for what the file cannot hold: an override of a service that is not there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from lockdown.host.change import maincf, options
from lockdown.model.change import EditPostfixList, SetOption, SetPostfix, SetPostfixService

Default: TypeAlias = Callable[[str], str]
"""What Postfix takes a setting of main.cf for, where the text itself does not write it."""
PostfixChange: TypeAlias = SetPostfix | EditPostfixList | SetPostfixService
TextChange: TypeAlias = PostfixChange | SetOption


def edited(text: str, change: TextChange, default: Default) -> str:
    """The text with this change in it."""
    match change:
        case SetPostfix():
            return _set(text, change)
        case EditPostfixList():
            return _list_edited(text, change, default)
        case SetPostfixService(name, type, entry):
            return _service_set(text, f"{name}/{type}", entry)
        case SetOption():
            return _option_set(text, change)


def _set(text: str, change: SetPostfix) -> str:
    name, value, service = change.name, change.value, change.service
    if not service:
        return text if maincf.value_of(text, name) == value else maincf.with_setting(text, name, value)
    if maincf.override_of(text, service, name) == value:
        return text
    return maincf.with_override(text, service, name, value)


def _list_edited(text: str, change: EditPostfixList, default: Default) -> str:
    """The list where it is written; else what counts without it, Postfix's default or for a service main.cf, edited."""
    name, service = change.name, change.service
    raw = maincf.override_of(text, service, name) if service else maincf.written(text, name)
    old = default(name) if raw is None else raw
    new = maincf.edited_list(old, change.add, change.before, change.first, change.remove)
    if new == old:
        return text
    if service:
        return maincf.with_override(text, service, name, new.strip())
    return maincf.with_setting(text, name, new.strip()) if raw is None else maincf.with_written(text, name, new)


def _service_set(text: str, service: str, entry: str | None) -> str:
    old = maincf.entry_of(text, service)
    if entry is not None and old is not None and maincf.fields_of(old) == " ".join(entry.split()):
        return text
    return maincf.with_entry(text, service, entry)


def _option_set(text: str, change: SetOption) -> str:
    known = options.option_value(text, change.path, change.name, change.style)
    if known == change.value:
        return text
    return options.with_option(text, change.path, change.name, change.value, change.style)
