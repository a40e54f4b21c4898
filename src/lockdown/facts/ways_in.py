"""Who sends mail through a service of Postfix: strangers, users who log in, or nobody but this machine.

By its restriction lists, walked as Postfix walks them; a list that could not be read closes nothing.
"""

from __future__ import annotations

from enum import Enum

from lockdown.facts.gateway import Gateway
from lockdown.facts.postfix import Postfix, Service
from lockdown.facts.postfix_restrictions import Client, Outcome, Recipient, answer
from lockdown.model.unknown import Unknown


class WayIn(Enum):
    """Whose way in a service is, as a sentence."""

    STRANGERS = "Strangers deliver here"
    USERS = "Users send here"
    THIS_MACHINE = "Only this machine reaches this service: mail has been through the gate, or was made here."
    NEIGHBOURS = "Strangers are refused here, and nobody can log in."

    @property
    def is_closed(self) -> bool:
        """Nobody comes in here who has not passed another way in before."""
        return self in (WayIn.THIS_MACHINE, WayIn.NEIGHBOURS)


def way_in(server: Postfix, service: Service) -> WayIn:
    """Whose way in it is."""
    if not server.is_reachable(service):
        return WayIn.THIS_MACHINE
    if answer(server, service, Client.STRANGER, Recipient.OWN).outcome is not Outcome.REJECTS:
        return WayIn.STRANGERS
    return WayIn.USERS if server.is_on("smtpd_sasl_auth_enable", service) else WayIn.NEIGHBOURS


def is_behind(own: Gateway | Unknown) -> bool:
    """Whether this machine is meant to get its mail from a gateway on another one."""
    return isinstance(own, Gateway) and own.settings.site.role == "backend"


def only_from_the_gateway(server: Postfix, service: Service) -> str:
    """What to type so that no other machine delivers there; the gateway is not to be in mynetworks."""
    rule = "check_client_access inline:{GATEWAY=OK}, permit_mynetworks, reject"
    return server.setting_command("smtpd_client_restrictions", rule, service) + "     (GATEWAY: its address)"
