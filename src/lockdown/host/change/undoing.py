"""What a file is to be when our changes of it are taken back, given what it is now.

Nobody touched it since: exactly what it was. Somebody did: only our settings are taken back, in the text as it is now,
each where it still holds our value; the rest is left, and said. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from lockdown.host.change import maincf, options
from lockdown.host.change.files import FileImage
from lockdown.host.change.staging import FileEdit, text_of, with_text
from lockdown.model.change import Change, EditPostfixList, SetOption, SetPostfix, SetPostfixService


@dataclass(frozen=True, slots=True)
class Undone:
    """The file to put back, and what of ours stays in it, each in a sentence."""

    image: FileImage
    left: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Place:
    """One setting in a text: what it is called, what stands there, and how the old is put back."""

    name: str
    value: Callable[[str], str | None]
    back: Callable[[str, str], str]
    """Of the text now and the text before: the text with this setting as it was before."""


def undone(edit: FileEdit, changes: Sequence[Change], now: FileImage) -> FileImage | str:
    """The image to put back; or why nothing of it can be. `changes` are all that were staged, as `edit.changes` counts.

    Where a part is left, the image holds the rest; `undone_in_part` says which.
    """
    found = undone_in_part(edit, changes, now)
    return "; ".join(found.left) if found.left and found.image == now else found.image


def undone_in_part(edit: FileEdit, changes: Sequence[Change], now: FileImage) -> Undone:
    """As `undone`, with both: what is taken back and what is left."""
    if now in (edit.after, edit.before):
        return Undone(edit.before)
    path = edit.before.path
    if now.octets is None:
        return Undone(now, (f"{path} has been removed since, and is left so",))
    places = list(_places([changes[number] for number in edit.changes]))
    if not places or edit.before.octets is None or edit.after.octets is None or now.link is not None:
        return Undone(now, (f"{path} has been changed since, and is left so",))
    before, after, text = text_of(edit.before), text_of(edit.after), text_of(now)
    left: list[str] = []
    for place in places:
        text = _taken_back(place, before, after, text, path, left)
    return Undone(_with_rights(with_text(now, text), edit), tuple(left))


def _taken_back(place: _Place, before: str, after: str, now: str, path: str, left: list[str]) -> str:
    was, ours, stands = place.value(before), place.value(after), place.value(now)
    if stands == was:
        return now
    if stands != ours:
        left.append(f"{place.name} in {path} has been changed since, and is left so")
        return now
    try:
        return place.back(now, before)
    except (LookupError, ValueError):
        left.append(f"{place.name} in {path} could not be put back: what it stood in is not there any more")
        return now


def _with_rights(image: FileImage, edit: FileEdit) -> FileImage:
    """Owner and mode as before, where they are still ours."""
    ours, was = edit.after, edit.before
    if (image.mode, image.uid, image.gid) == (ours.mode, ours.uid, ours.gid):
        return replace(image, mode=was.mode, uid=was.uid, gid=was.gid)
    return image


_Settings: TypeAlias = SetPostfix | EditPostfixList | SetPostfixService | SetOption


def _places(changes: Sequence[Change]) -> Iterator[_Place]:
    """Each setting once, the last changed first. A whole file of our own has none: it is ours or it is not."""
    seen: set[str] = set()
    for change in reversed(changes):
        place = _place(change) if isinstance(change, _Settings) else None
        if place and place.name not in seen:
            seen.add(place.name)
            yield place


def _place(change: _Settings) -> _Place:
    match change:
        case SetPostfix(name=name, service="") | EditPostfixList(name=name, service=""):
            return _Place(
                name, lambda text: maincf.value_of(text, name), lambda now, was: _setting_back(now, was, name)
            )
        case SetPostfix(name=name, service=service) | EditPostfixList(name=name, service=service):
            return _Place(
                f"{service}/{name}",
                lambda text: maincf.override_of(text, service, name),
                lambda now, was: maincf.with_override(now, service, name, maincf.override_of(was, service, name)),
            )
        case SetPostfixService(name=name, type=type):
            service = f"{name}/{type}"
            return _Place(
                f"the service {service}",
                lambda text: maincf.fields_of(maincf.entry_of(text, service) or ""),
                lambda now, was: _service_back(now, was, service),
            )
        case SetOption(path=path, name=name, style=style):
            return _Place(
                name,
                lambda text: options.option_value(text, path, name, style),
                lambda now, was: _option_back(now, was, change),
            )


def _setting_back(now: str, before: str, name: str) -> str:
    """As it was written, over as many lines; where it was not, it is not."""
    raw = maincf.written(before, name)
    if raw is None:
        return maincf.with_setting(now, name, None)
    if maincf.written(now, name) is not None:
        return maincf.with_written(now, name, raw)
    return _between(now, before, maincf.pieces_of(before, name), maincf.logical_lines)


def _between(now: str, before: str, pieces: Sequence[str], split: Callable[[str], list[str]]) -> str:
    """What we took out put back: behind the line that it stood behind, where that is still there; else at the end."""
    was, have = split(before), split(now)
    first = was.index(pieces[0])
    for above in reversed(was[:first]):
        if above.strip() and above in have:
            at = have.index(above) + 1
            break
    else:
        at = 0 if first == 0 else len(have)
    # A file that begins with a continuation of nothing would continue what comes to stand before it.
    orphans = [
        number + 1 for number, line in enumerate(have) if line[0].isspace() and line.lstrip()[:1] not in ("", "#")
    ]
    at = max([at, *orphans])
    ended = [piece if piece.endswith("\n") else f"{piece}\n" for piece in pieces]
    head = "".join(have[:at])
    return head + ("" if not head or head.endswith("\n") else "\n") + "".join(ended) + "".join(have[at:])


def _service_back(now: str, before: str, service: str) -> str:
    old, new = maincf.entry_of(before, service), maincf.entry_of(now, service)
    if old is None:
        return maincf.with_entry(now, service, None)
    if new is None:
        return _between(now, before, [old], maincf.logical_lines)
    return maincf.with_entry(now, service, maincf.fields_of(old))


def _option_back(now: str, before: str, change: SetOption) -> str:
    old = options.option_pieces(before, change.name, change.style)
    if not old:
        return options.with_option(now, change.path, change.name, None, change.style)
    if options.option_pieces(now, change.name, change.style):
        return options.with_piece(now, change.name, old[-1], change.style)
    return _between(now, before, old, lambda text: options.pieces(text, change.style))
