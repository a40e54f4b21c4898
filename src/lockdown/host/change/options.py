"""One option in the text of a file that knows no drop-ins: login.defs, an exim.conf, Debian's macros for Exim.

Fails as: `ValueError` for a value that the file cannot hold on one line.
"""

from __future__ import annotations

import re

from lockdown.host.change.maincf import line_end, physical_lines
from lockdown.model.change import OptionStyle

_SHELL = "update-exim4.conf.conf"
"""Read by a shell: its values stand in quotes, without blanks around the sign."""

_PATTERNS = {
    OptionStyle.LOGIN_DEFS: r"[ \t]*{name}(?:[ \t]+(?P<value>.*))?",
    OptionStyle.EXIM: r"[ \t]*(?:hide[ \t]+)?{name}[ \t]*=[ \t]*(?P<value>.*)",
    OptionStyle.EXIM_MACRO: r"[ \t]*{name}[ \t]*=[ \t]*(?P<value>.*)",
}


def option_line(path: str, name: str, value: str, style: OptionStyle) -> str:
    """The line as it is written, without its end."""
    if re.search(r"[\r\n\0]", value):
        raise ValueError("a value has to be one line")
    if style is OptionStyle.LOGIN_DEFS:
        return f"{name}\t{value}"
    if path.endswith(_SHELL):
        if "'" in value:
            raise ValueError("a value in quotes cannot hold a quote")
        return f"{name}='{value}'"
    return f"{name} = {value}"


def option_value(text: str, path: str, name: str, style: OptionStyle) -> str | None:
    """What the file says now; None where it says nothing. Of several lines, the last."""
    found = option_pieces(text, name, style)
    value = _value(found[-1], name, style) if found else None
    return value.strip("'\"") if value is not None and path.endswith(_SHELL) else value


def with_option(text: str, path: str, name: str, value: str | None, style: OptionStyle) -> str:
    """The text with this option written so, or its lines taken out."""
    if value is None:
        lines = pieces(text, style)
        own = len(_own_part(lines, style))
        return "".join(line for at, line in enumerate(lines) if at >= own or _value(line, name, style) is None)
    return with_piece(text, name, option_line(path, name, value, style), style)


def with_piece(text: str, name: str, piece: str, style: OptionStyle) -> str:
    """The text with exactly this in the place of the option's last line, or where a new one belongs."""
    lines = pieces(text, style)
    own = len(_own_part(lines, style))
    end = line_end(lines[0]) if lines else "\n"
    places = [at for at, line in enumerate(lines[:own]) if _value(line, name, style) is not None]
    bare = piece.rstrip("\r\n")
    if places:
        lines[places[-1]] = bare + (end if lines[places[-1]].endswith("\n") else "")
        return "".join(lines)
    if own and not lines[own - 1].endswith("\n"):
        lines[own - 1] += end
    # A file that ends in a continuation would swallow what comes behind it.
    if own and style is not OptionStyle.LOGIN_DEFS and lines[own - 1].rstrip().endswith("\\"):
        lines[own - 1] += end
    return "".join([*lines[:own], bare + end, *lines[own:]])


def option_pieces(text: str, name: str, style: OptionStyle) -> list[str]:
    """The lines that write it, with their continuations."""
    return [piece for piece in _own_part(pieces(text, style), style) if _value(piece, name, style) is not None]


def _value(piece: str, name: str, style: OptionStyle) -> str | None:
    pattern = _PATTERNS[style].replace("{name}", re.escape(name))
    found = re.fullmatch(pattern, piece.rstrip("\r\n"), re.DOTALL)
    return (found["value"] or "").strip() if found else None


def pieces(text: str, style: OptionStyle) -> list[str]:
    """Lines; in Exim's own files one that ends with a backslash goes on in the next."""
    lines = physical_lines(text)
    if style is OptionStyle.LOGIN_DEFS:
        return lines
    found: list[str] = []
    goes_on = False
    for line in lines:
        if goes_on:
            found[-1] += line
        else:
            found.append(line)
        goes_on = line.rstrip().endswith("\\") and not (not goes_on and line.lstrip().startswith("#"))
    return found


def _own_part(lines: list[str], style: OptionStyle) -> list[str]:
    """Where the option may stand: in an exim.conf, before its first `begin`."""
    if style is not OptionStyle.EXIM:
        return lines
    stop = next((at for at, piece in enumerate(lines) if re.match(r"[ \t]*begin[ \t]", piece)), len(lines))
    return lines[:stop]
