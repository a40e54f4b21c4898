"""What was read of a message, as a text that one can check by eye: one line for a part, one for each word on it."""

from lockdown.mime.parts import Message, Part


def told(message: Message) -> str:
    """Ambiguities, what was not read, and the parts."""
    lines = [f"ambiguous: {one.value}" for one in message.ambiguities]
    lines += [f"unread: {one.path}: {one.why}" for one in message.unread]
    return "".join(f"{line}\n" for line in lines + [_part(part) for part in message.parts])


def _part(part: Part) -> str:
    words = [part.path, part.content_type]
    words += [part.encoding] if part.encoding not in ("7bit", "binary") else []
    words += [part.charset] if part.charset else []
    words += [part.disposition] if part.disposition else []
    words += [f"<{part.content_id}>"] if part.content_id else []
    words += ["name " + " | ".join((part.name, *part.other_names))] if part.name else []
    return " ".join(words) + (":" if part.is_container else f" = {_short(part.data())}")


def _short(data: bytes) -> str:
    text = repr(data.replace(b"\r\n", b"\n"))[2:-1]
    return text if len(text) <= 100 else f"{text[:60]} ... {text[-30:]}"
