"""How far a stranger gets at a service: whether he may leave mail for one of our mailboxes there."""

from __future__ import annotations

from lockdown.facts.postfix import Postfix, Service
from lockdown.facts.postfix_restrictions import Client, Outcome, Recipient, answer


def lets_strangers_in(server: Postfix, service: Service) -> bool:
    """Whether a stranger gets as far as a recipient of ours; submission services refuse him before."""
    return (
        server.is_reachable(service)
        and answer(server, service, Client.STRANGER, Recipient.OWN).outcome is not Outcome.REJECTS
    )
