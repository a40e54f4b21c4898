"""The change that gives a setting of Postfix another value where it stands now, and Postfix as it would be then.

`as_if` is a model: main.cf, the overrides of master.cf and the lines of services, nothing that lies in tables. With it
a proposal can be judged before anybody makes it.
Fails as: nothing; a change that is not of Postfix changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from types import MappingProxyType

from lockdown.facts.postfix import Postfix, Service
from lockdown.facts.postfix_defaults import DEFAULTS
from lockdown.facts.postfix_files import settings_of
from lockdown.facts.postfix_words import words
from lockdown.model.change import Change, SetPostfix, SetPostfixService
from lockdown.model.unknown import Unknown

_THIS_MACHINE = "127.0.0.0/8 [::1]/128"


def set_where_written(server: Postfix, name: str, value: str, service: Service | None = None) -> SetPostfix:
    """In master.cf if the service overrides it there, else in main.cf."""
    if service and name in service.overrides:
        return set_for_service(server, name, value, service)
    return SetPostfix(name, value, config_directory=server.config_directory)


def set_for_service(server: Postfix, name: str, value: str, service: Service) -> SetPostfix:
    """For this service alone, whatever main.cf says to the others. A list is parted by commas: postconf writes no
    blanks into master.cf."""
    return SetPostfix(name, ",".join(words(value)), service.label, server.config_directory)


def set_back(server: Postfix, name: str, service: Service | None = None) -> SetPostfix:
    """Postfix's own default again. An override is set to it: without it, what main.cf says would count."""
    if service and name in service.overrides:
        return SetPostfix(name, default(name), service.label, server.config_directory)
    return SetPostfix(name, None, config_directory=server.config_directory)


@cache
def _defaults() -> dict[str, str]:
    settings = settings_of(DEFAULTS)
    assert not isinstance(settings, Unknown), settings.why
    return settings


def default(name: str) -> str:
    """Postfix's own; empty for a name that it does not know."""
    return _defaults().get(name, "")


def list_words(text: str) -> tuple[str, ...]:
    """The words of a list, as Postfix parts them."""
    return tuple(words(text))


def as_if(server: Postfix, changes: Iterable[Change]) -> Postfix:
    """Postfix with these changes made."""
    for change in changes:
        match change:
            case SetPostfix(name, value, ""):
                server = _in_main(server, name, value)
            case SetPostfix(name, value, label):
                server = _in_service(server, label, name, value)
            case SetPostfixService():
                server = _with_service(server, change)
            case _:
                continue
    return server


def _in_main(server: Postfix, name: str, value: str | None) -> Postfix:
    counts = default(name) if value is None else value
    written = server.explicit - {name} if value is None else server.explicit | {name}
    parameters = {**server.parameters, name: counts}
    if name == "mynetworks_style" and counts == "host" and "mynetworks" not in written:
        parameters["mynetworks"] = _THIS_MACHINE  # and its own addresses, which are this machine too
    return replace(server, parameters=MappingProxyType(parameters), explicit=written)


def _in_service(server: Postfix, label: str, name: str, value: str | None) -> Postfix:
    def changed(service: Service) -> Service:
        kept = {key: text for key, text in service.overrides.items() if key != name}
        return replace(service, overrides=kept if value is None else {**kept, name: value})

    services = (changed(one) if one.label == label else one for one in server.services)
    return replace(server, services=tuple(services))


def _with_service(server: Postfix, change: SetPostfixService) -> Postfix:
    label = f"{change.name}/{change.type}"
    kept = tuple(one for one in server.services if one.label != label)
    if change.entry is None:
        return replace(server, services=kept)
    overrides = next((one.overrides for one in server.services if one.label == label), {})
    command = (change.entry.split() + [""] * 8)[7]
    return replace(server, services=(*kept, Service(change.name, change.type, command, overrides)))
