"""The controls of item 9: those that the gateway's gates keep on every connection and recipient, and the audit's."""

from __future__ import annotations

from lockdown.checklist.monitoring.account_controls import ACCOUNT_CONTROLS
from lockdown.checklist.monitoring.canary_controls import CANARY_CONTROLS
from lockdown.checklist.monitoring.flood_controls import FLOODS
from lockdown.checklist.monitoring.server_controls import EYES, HOLDING, QUEUE_SETTINGS
from lockdown.checklist.monitoring.watch_controls import WATCHED
from lockdown.model.finding import Control, Severity

_SETTINGS = "change it in lockdown.toml, section [monitoring]; `lockdown config explain monitoring.%s` says more"

BLOCKED_CLIENTS = Control(
    id="monitoring.blocked-clients",
    title="A blocked network gets no session",
    severity=Severity.HIGH,
    why="A block that lets mail through is none.",
    fix="lockdown block list     (`lockdown block remove NETWORK` ends one)",
    evidence="the block list, at every connection",
    undo="lockdown block remove NETWORK",
    in_flight=True,
)
CLIENT_CONNECTIONS = Control(
    id="monitoring.client-connections",
    title="Connections open at a time from one client and one prefix are limited",
    severity=Severity.MEDIUM,
    why="One client with thousands of connections leaves none for the others.",
    fix=_SETTINGS % "client_connections",
    evidence="open connections of the client and of its /24 or /64, over all workers",
    in_flight=True,
)
CLIENT_RATE = Control(
    id="monitoring.client-rate",
    title="Connections opened by one client are limited in rate",
    severity=Severity.MEDIUM,
    why="Connecting again and again costs the server more than the attacker.",
    fix=_SETTINGS % "client_rate",
    evidence="connections of the client within the last minute",
    in_flight=True,
)
RECIPIENTS_PER_MESSAGE = Control(
    id="monitoring.recipients-per-message",
    title="Recipients of one message are limited",
    severity=Severity.LOW,
    why="One message to thousands of recipients is work for thousands of deliveries.",
    fix=_SETTINGS % "recipients_per_message",
    evidence="recipients accepted in the transaction",
    references=("RFC 5321 4.5.3.1.8",),
    in_flight=True,
)
RECIPIENT_RATE = Control(
    id="monitoring.recipient-rate",
    title="Recipients asked for by one client are limited in rate",
    severity=Severity.MEDIUM,
    why="A flood to many recipients is seen by its recipients, whatever its senders are called.",
    fix=_SETTINGS % "recipient_rate",
    evidence="recipients asked for by the client within the last hour",
    in_flight=True,
)
DIRECTORY_HARVEST = Control(
    id="monitoring.directory-harvest",
    title="A client that guesses recipients is cut off",
    severity=Severity.MEDIUM,
    why="Whoever tries names until some are accepted comes back with spam for exactly those.",
    fix=_SETTINGS % "refused_rate",
    evidence="recipients refused to the client within the last hour",
    in_flight=True,
)
RESTRAINED = Control(
    id="monitoring.restrained-mail",
    title="What a flood has in common is slowed, put off, held or refused, and nothing else",
    severity=Severity.HIGH,
    why="A limit for each client alone is blind to a flood from five hundred of them.",
    fix="lockdown block list     (`lockdown block why ADDRESS` says why, `lockdown block remove ID` ends one)",
    evidence="the restraints in force: client, envelope and message, at the moment each is known",
    undo="lockdown block remove ID",
    side_effects="good mail that has the same in common is met too, until the restraint ends",
    in_flight=True,
)

CONTROLS = (
    BLOCKED_CLIENTS,
    CLIENT_CONNECTIONS,
    CLIENT_RATE,
    RECIPIENTS_PER_MESSAGE,
    RECIPIENT_RATE,
    DIRECTORY_HARVEST,
    RESTRAINED,
    *FLOODS,
    *ACCOUNT_CONTROLS,
    *CANARY_CONTROLS,
    *WATCHED,
    *HOLDING,
    *QUEUE_SETTINGS,
    EYES,
)
