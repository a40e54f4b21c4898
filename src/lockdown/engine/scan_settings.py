"""Whether what the settings of items 1 and 2 name can be used: rule files, digest lists, blocklists, types.

Fails as: OperatorError that names the setting, what is wrong with it and what to type.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator

from lockdown.config import Settings
from lockdown.model.errors import OperatorError

# The engines are imported where a setting names something for them: the gateway's master has no other use for them.


def check_scan_settings(settings: Settings) -> None:
    """Raises for the first setting that cannot be used; reads the files that they name."""
    for key, find in _CHECKS.items():
        for why in find(settings):
            raise OperatorError(
                "settings-wrong-value",
                what=f"`{key}` has a value that cannot be used",
                why=why,
                try_this=f"lockdown config explain {key}",
            )


def _types(settings: Settings) -> Iterator[str]:
    from lockdown.mime.kinds import KINDS

    for word in settings.antivirus.allowed_types:
        if word not in KINDS:
            near = difflib.get_close_matches(word, KINDS, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(sorted(KINDS))}"
            yield f"{word!r} is no type; {hint}"


def _rules(settings: Settings) -> Iterator[str]:
    if settings.antivirus.rules:
        from lockdown.scan.yara_rules import check_rules

        yield from check_rules(settings.antivirus.rules)


def _digests(settings: Settings) -> Iterator[str]:
    if settings.antivirus.digests:
        from lockdown.scan.builtin import check_digests

        yield from check_digests(settings.antivirus.digests)


def _blocklists(settings: Settings) -> Iterator[str]:
    if not settings.antispam.blocklists:
        return
    from lockdown.scan.blocklists import parse_blocklist

    for text in settings.antispam.blocklists:
        found = parse_blocklist(text)
        if isinstance(found, str):
            yield found


_CHECKS: dict[str, Callable[[Settings], Iterator[str]]] = {
    "antivirus.allowed_types": _types,
    "antivirus.rules": _rules,
    "antivirus.digests": _digests,
    "antispam.blocklists": _blocklists,
}
