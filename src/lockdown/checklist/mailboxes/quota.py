"""What Dovecot says of quota, in the words of 2.3 (plugin { quota_rule = … }) and of 2.4 (quota_storage_size)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lockdown.facts.dovecot import Dovecot, Setting
from lockdown.model.finding import Evidence

_UNITS = {"b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_SIZE = re.compile(r"(\d{1,15})\s*([bkmgt]?)(?:i?b)?\s*\Z", re.IGNORECASE)
_DATABASES = re.compile(r"userdb\b.*\b(sql|ldap|passwd-file|lua|dict)|userdb\Z")


@dataclass(frozen=True, slots=True)
class Quota:
    """`storage` is the limit for everyone in octets; None where there is none."""

    is_on: bool
    plugin: Evidence | None
    storage: int | None
    rules: tuple[Evidence, ...]
    unlimited: tuple[Evidence, ...]
    warnings: tuple[Evidence, ...]
    from_database: tuple[Evidence, ...]
    """Why some user may have a limit of his own that is not seen here."""


def quota(found: Dovecot) -> Quota:
    """As the settings have it."""
    plugins = [one for one in found.settings if _loads(one)]
    sizes = [(one, size) for one in found.settings if (size := _storage(one)) is not None]
    finite = [(one, size) for one, size in sizes if size > 0]
    return Quota(
        is_on=bool(plugins),
        plugin=plugins[0].evidence if plugins else None,
        storage=min((size for _, size in finite), default=None),
        rules=tuple(one.evidence for one, _ in finite),
        unlimited=tuple(one.evidence for one, size in sizes if size == 0),
        warnings=tuple(_warnings(found)),
        from_database=tuple(_databases(found)),
    )


def _loads(one: Setting) -> bool:
    """`mail_plugins = quota …`, or, in 2.4, `mail_plugins { quota = yes }`."""
    if one.name == "mail_plugins":
        return bool(re.search(r"(?<![-\w])quota\b", one.value))
    inside = bool(one.within) and one.within[-1].startswith("mail_plugins")
    return inside and one.name == "quota" and one.value.lower() in ("yes", "true")


def _storage(one: Setting) -> int | None:
    """The limit that a setting gives to everyone, in octets; 0 is unlimited."""
    if re.fullmatch(r"quota\d*_rule", one.name):
        # dovecot's quota rules: a bare number counts KiB after `storage`, octets after `bytes`.
        found = re.match(r"\*:(?:.*:)?(storage|bytes)=([^:]+)", one.value)
        return _octets(found[2], 1024 if found[1] == "storage" else 1) if found else None
    in_quota = bool(one.within) and re.match(r"quota\b", one.within[-1])
    if one.name == "quota_storage_size" or (one.name == "storage_size" and in_quota):
        # A size for one mailbox, such as more room for the trash, is no limit of the account.
        return None if any(head.startswith("mailbox") for head in one.within) else _octets(one.value, 1)
    return None


def _octets(text: str, bare: int) -> int | None:
    """A size of Dovecot; `bare` is what a number without a unit counts. `unlimited` is 0."""
    if text.strip().lower() in ("unlimited", "0"):
        return 0
    found = _SIZE.match(text.strip())
    return int(found[1]) * _UNITS.get(found[2].lower(), bare) if found else None


def _warnings(found: Dovecot) -> list[Evidence]:
    named = [one.evidence for one in found.settings if re.match(r"quota\d*_warning", one.name)]
    heads = [path for path in found.sections if re.match(r"(quota_)?warning\b", path[-1])]
    return named + [Evidence("dovecot", " { ".join(path)) for path in heads]


def _databases(found: Dovecot) -> list[Evidence]:
    heads = [Evidence("dovecot", path[0]) for path in found.sections if _DATABASES.match(path[0])]
    static = [
        one
        for one in found.all("driver")
        if one.within[:1] == ("userdb",) and one.value in ("static", "passwd", "prefetch")
    ]
    return heads if len(static) < len(heads) else []
