"""Writes Authentication-Results: what we have found about who vouches for a message (RFC 8601).

Domains, selectors and reasons are strangers' words. What is not plainly a word is quoted, and what means something in
this field is replaced even there, for readers that cut at every semicolon; all of it is bounded. Never raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lockdown.model.scan import Arc, Dkim, Dmarc, Identity, Result, Spf

_LINE = 78
_VALUE_CHARACTERS = 253
_REASON_CHARACTERS = 120
_SIGNATURES = 10

# A token of RFC 2045 5.1, without the signs that could mean something else to a careless reader.
_TOKEN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,252}")
_MEANINGFUL = re.compile(r"[^A-Za-z0-9 .:@_/+\[\]'*!&-]")
_PASS = Result.PASS


def authentication_results(authserv_id: str, identity: Identity) -> bytes:
    """The whole field with its line end, folded where its words allow. `authserv_id` is gateway.hostname."""
    results = [_spf(identity.spf), *_dkims(identity.dkim), _dmarc(identity.dmarc), _arc(identity.arc)]
    return _folded(f"Authentication-Results: {_value(authserv_id)};", results)


def _spf(found: Spf) -> list[str]:
    words = [f"spf={found.result.value}", *_reason(found.result, found.why)]
    if found.domain:
        words.append(f"smtp.{'helo' if found.helo else 'mailfrom'}={_value(found.domain)}")
    return words


def _dkims(found: tuple[Dkim, ...]) -> Iterator[list[str]]:
    if not found:
        yield ["dkim=none"]
    for one in found[:_SIGNATURES]:
        yield _dkim(one)
    if len(found) > _SIGNATURES:
        yield ["dkim=policy", f'reason="{len(found) - _SIGNATURES} more signatures"']


def _dkim(found: Dkim) -> list[str]:
    words = [f"dkim={found.result.value}", *_reason(found.result, found.why)]
    if found.domain:
        words.append(f"header.d={_value(found.domain)}")
    if found.selector:
        words.append(f"header.s={_value(found.selector)}")
    if found.mark:
        words.append(f"header.b={_value(found.mark)}")
    return words


def _dmarc(found: Dmarc) -> list[str]:
    words = [f"dmarc={found.result.value}"]
    if found.record_domain:
        words.append(f"(p={found.policy})")
    words += _reason(found.result, found.why)
    if found.domain:
        words.append(f"header.from={_value(found.domain)}")
    return words


def _arc(found: Arc) -> list[str]:
    words = [f"arc={found.result.value}", *_reason(found.result, found.why)]
    if found.sealer:
        words.append(f"header.d={_value(found.sealer)}")
    return words


def _reason(result: Result, why: str) -> list[str]:
    return [f"reason={_quoted(why[:_REASON_CHARACTERS])}"] if why and result is not _PASS else []


def _value(text: str) -> str:
    """A token where it is one, a quoted string where not (RFC 8601 2.2)."""
    return text if _TOKEN.fullmatch(text) else _quoted(text[:_VALUE_CHARACTERS])


def _quoted(text: str) -> str:
    return f'"{_MEANINGFUL.sub("?", text)}"'


def _folded(start: str, results: list[list[str]]) -> bytes:
    """Each result on a line of its own, and on several where it is long (RFC 5322 2.1.1, 2.2.3)."""
    lines = [start]
    for number, words in enumerate(results, 1):
        words[-1] += ";" if number < len(results) else ""
        line = ""
        for word in words:
            if line and len(line) + 1 + len(word) > _LINE:
                lines.append(line)
                line = ""
            line += f" {word}"
        lines.append(line)
    return "\r\n".join([*lines, ""]).encode("ascii", "replace")
