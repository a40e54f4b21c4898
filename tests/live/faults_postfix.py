"""Faults of a Postfix, each planted alone in the files of a careful one: the change, and what must be said of it."""

from __future__ import annotations

from dataclasses import dataclass

from lockdown.model.finding import State

FAIL, WARN = State.FAIL, State.WARN


@dataclass(frozen=True)
class Fault:
    """Lines appended to main.cf, or a replacement in master.cf; the control that must name it, and how."""

    name: str
    control: str
    state: State
    main: str = ""
    master: tuple[str, str] = ("", "")


SMTPD = "smtp      inet  n       -       y       -       -       smtpd\n"
FAULTS = (
    Fault("everyone is a neighbour", "relaying.open-to-strangers", FAIL, "mynetworks = 0.0.0.0/0"),
    Fault(
        "half the world is a neighbour",
        "relaying.mynetworks-are-narrow",
        FAIL,
        "mynetworks = 127.0.0.0/8 10.0.0.0/8 128.0.0.0/1",
    ),
    Fault(
        "containers are neighbours", "relaying.mynetworks-are-narrow", FAIL, "mynetworks = 127.0.0.0/8 172.16.0.0/12"
    ),
    Fault(
        "permit before the rule",
        "relaying.open-to-strangers",
        FAIL,
        "smtpd_relay_restrictions = check_client_access static:OK, reject_unauth_destination",
    ),
    Fault(
        "no relay rule in either list",
        "relaying.open-to-strangers",
        FAIL,
        "smtpd_relay_restrictions =\nsmtpd_recipient_restrictions = check_recipient_access static:OK, reject",
    ),
    Fault(
        "a forged HELO opens",
        "relaying.open-to-strangers",
        FAIL,
        "smtpd_relay_restrictions = check_helo_access inline:{friend=OK}, reject_unauth_destination",
    ),
    Fault(
        "a forged sender opens",
        "relaying.open-to-strangers",
        FAIL,
        "smtpd_relay_restrictions = check_sender_access inline:{boss@example.org=OK}, reject_unauth_destination",
    ),
    Fault(
        "any certificate opens",
        "relaying.open-to-strangers",
        WARN,
        "smtpd_relay_restrictions = permit_tls_all_clientcerts, reject_unauth_destination",
    ),
    Fault(
        "a backup MX of anyone",
        "relaying.open-to-strangers",
        WARN,
        "smtpd_relay_restrictions = permit_mx_backup, reject_unauth_destination",
    ),
    Fault(
        "open on one port alone",
        "relaying.open-to-strangers",
        FAIL,
        master=(
            SMTPD,
            SMTPD + "2526 inet n - y - - smtpd\n  -o smtpd_relay_restrictions=check_client_access,static:OK,reject\n",
        ),
    ),
    Fault("a whole top-level domain is relayed", "relaying.relay-domains-are-listed", FAIL, "relay_domains = com"),
    Fault("routes of strangers", "relaying.no-sender-routing", FAIL, "allow_untrusted_routing = yes"),
    Fault(
        "passwords in the open",
        "relaying.passwords-need-tls",
        FAIL,
        master=("smtpd_tls_security_level=encrypt", "smtpd_tls_security_level=may"),
    ),
    Fault(
        "anyone sends as anyone",
        "relaying.users-send-as-themselves",
        WARN,
        master=("  -o smtpd_sender_restrictions=reject_sender_login_mismatch\n", ""),
    ),
    Fault("VRFY tells", "relaying.no-user-probing", WARN, "disable_vrfy_command = no"),
    Fault("nobody is unknown", "relaying.unknown-recipient", FAIL, "local_recipient_maps ="),
    Fault("unlisted names are taken", "relaying.unknown-recipient", FAIL, "smtpd_reject_unlisted_recipient = no"),
    Fault("relayed names are not known", "relaying.unknown-recipient", WARN, "relay_domains = example.net"),
    Fault(
        "all mail is refused",
        "relaying.own-mail-gets-in",
        FAIL,
        "smtpd_client_restrictions = permit_mynetworks, reject",
    ),
    Fault("it listens to itself", "relaying.own-mail-gets-in", FAIL, "inet_interfaces = loopback-only"),
    Fault("bare newlines end a message", "relaying.no-smuggling", WARN, "smtpd_forbid_bare_newline = no"),
    Fault(
        "a banner with its version",
        "relaying.quiet-banner",
        WARN,
        "smtpd_banner = $myhostname ESMTP $mail_name $mail_version",
    ),
    Fault("no limit of size", "attachments.message-limit", FAIL, "message_size_limit = 0\nvirtual_mailbox_limit = 0"),
    Fault(
        "a huge limit of size",
        "attachments.message-limit",
        WARN,
        "message_size_limit = 524288000\nvirtual_mailbox_limit = 0",
    ),
    Fault("a mailbox below a message", "attachments.mailbox-holds-a-message", FAIL, "mailbox_size_limit = 1000000"),
    Fault("headers without end", "attachments.header-limit", WARN, "header_size_limit = 100000000"),
    Fault("a queue without room", "attachments.queue-keeps-room", WARN, "queue_minfree = 1000"),
    Fault("clients without limits", "attachments.client-rates", WARN, "smtpd_client_message_rate_limit = 0"),
    Fault(
        "everyone is excepted from limits",
        "attachments.rate-exceptions",
        WARN,
        "smtpd_client_event_limit_exceptions = 10.0.0.0/8",
    ),
    Fault(
        "nobody counts clients",
        "attachments.rates-are-counted",
        FAIL,
        master=("anvil     unix  -       -       y       -       1       anvil\n", ""),
    ),
)
