"""The controls of item 4: what must hold so that large mail, sent again and again, takes nothing down."""

from __future__ import annotations

from lockdown.model.finding import Control, Severity

_POSTCONF = "https://www.postfix.org/postconf.5.html"

MESSAGE_LIMIT = Control(
    id="attachments.message-limit",
    title="Postfix limits the size of a message",
    severity=Severity.HIGH,
    why="Without a limit one message fills the queue disk; with one too small, people's work is refused.",
    fix="postconf -e message_size_limit=26214400 && postfix reload     (25 MiB on the wire: attachments of 18 MiB)",
    evidence="message_size_limit of each SMTP service",
    side_effects="larger mail is refused with 552",
    references=(f"{_POSTCONF}#message_size_limit", "RFC 1870"),
)
LIMITS_AGREE = Control(
    id="attachments.limits-agree",
    title="The gateway takes nothing that the server behind refuses",
    severity=Severity.MEDIUM,
    why="The sender uploads the whole message only to be refused behind, and nobody can say which limit holds.",
    fix="set gateway.max_message in lockdown.toml to the smallest message limit behind it, or raise that one",
    evidence="gateway.max_message and message_size_limit of the Postfix service that gateway.upstream leads to",
)
MAILBOX_HOLDS_MESSAGE = Control(
    id="attachments.mailbox-holds-a-message",
    title="A mailbox file can hold the largest message",
    severity=Severity.MEDIUM,
    why="Postfix's local delivery then refuses to start: that mail waits in the queue.",
    fix="postconf -e mailbox_size_limit=0 && postfix reload     (or a number above message_size_limit)",
    evidence="mailbox_size_limit and virtual_mailbox_limit against message_size_limit",
    references=(f"{_POSTCONF}#mailbox_size_limit",),
)
HEADER_LIMIT = Control(
    id="attachments.header-limit",
    title="Headers are bounded",
    severity=Severity.LOW,
    why="Mail programs and filters behind slow down badly on huge headers.",
    fix="postconf -e header_size_limit=102400 && postfix reload",
    evidence="header_size_limit",
    references=(f"{_POSTCONF}#header_size_limit",),
)
QUEUE_ROOM = Control(
    id="attachments.queue-keeps-room",
    title="The queue disk keeps room",
    severity=Severity.MEDIUM,
    why="A queue disk filled by one bomb stops all mail, and logging with it.",
    fix="postconf -e queue_minfree=0 && postfix reload     (0 = Postfix's own rule: 1.5 × message_size_limit)",
    evidence="queue_minfree against message_size_limit",
    references=(f"{_POSTCONF}#queue_minfree",),
)
CLIENT_RATES = Control(
    id="attachments.client-rates",
    title="One client cannot send without end",
    severity=Severity.MEDIUM,
    why="The bomb is the repetition: a client without a rate sends the largest message again and again.",
    fix="postconf -e smtpd_client_message_rate_limit=100 smtpd_client_connection_rate_limit=60 && postfix reload",
    evidence="the smtpd_client_*_limit settings of the SMTP services that strangers reach",
    side_effects="a busy relay of yours must be listed in smtpd_client_event_limit_exceptions",
    references=("https://www.postfix.org/TUNING_README.html#conn_limit",),
)
RATE_EXCEPTIONS = Control(
    id="attachments.rate-exceptions",
    title="Few clients are free of limits",
    severity=Severity.LOW,
    why="By default all of mynetworks is: one infected computer inside sends without end.",
    fix="postconf -e 'smtpd_client_event_limit_exceptions = 127.0.0.0/8 [::1]/128' && postfix reload",
    evidence="smtpd_client_event_limit_exceptions",
    references=(f"{_POSTCONF}#smtpd_client_event_limit_exceptions",),
)
RATES_COUNTED = Control(
    id="attachments.rates-are-counted",
    title="Postfix's counter of clients is running",
    severity=Severity.MEDIUM,
    why="Without the anvil service no client limit of Postfix works, and nothing says so.",
    fix="put the line `anvil unix - - y - 1 anvil` back into master.cf && postfix reload",
    evidence="the services in master.cf",
    references=("https://www.postfix.org/anvil.8.html",),
)
STRUCTURE_LIMITS = Control(
    id="attachments.structure-limits",
    title="Lines, recipients, nesting and hops are bounded",
    severity=Severity.LOW,
    why="A message need not be large to stop a server: many hops, recipients or nested parts will do.",
    fix="postconf -# hopcount_limit mime_nesting_limit line_length_limit && postfix reload     (Postfix's defaults)",
    evidence="hopcount_limit, mime_nesting_limit, line_length_limit, header_address_token_limit, smtpd_recipient_limit",
    references=(f"{_POSTCONF}#hopcount_limit", "RFC 5321 6.3"),
)
SLOW_CLIENTS = Control(
    id="attachments.slow-clients",
    title="Slow and clumsy clients are hung up on",
    severity=Severity.LOW,
    why="Connections that say one word an hour use up all that Postfix answers, and cost the attacker nothing.",
    fix="postconf -# smtpd_timeout smtpd_hard_error_limit && postfix reload     (Postfix's defaults)",
    evidence="smtpd_timeout and smtpd_hard_error_limit of each SMTP service",
    references=("https://www.postfix.org/STRESS_README.html", "RFC 5321 4.5.3.2"),
)
WEB_UPLOAD = Control(
    id="attachments.web-upload",
    title="The webmail takes the files that the mail server takes",
    severity=Severity.LOW,
    why="A file is uploaded for minutes, then lost or refused, and nobody can say which limit holds.",
    fix="set upload_max_filesize and post_max_size in PHP's conf.d, and client_max_body_size in nginx's",
    evidence="upload_max_filesize, post_max_size, client_max_body_size, and message_size_limit",
    side_effects="PHP reads it when it is reloaded",
    references=("https://www.php.net/manual/en/ini.core.php#ini.post-max-size",),
)
GATEWAY_MESSAGE_LIMIT = Control(
    id="attachments.gateway-message-limit",
    title="The gateway limits the size of a message",
    severity=Severity.HIGH,
    why="High enough for people's work, low enough that you are protected.",
    fix='write gateway.max_message = "25 MiB" in lockdown.toml',
    evidence="gateway.max_message",
    references=("RFC 1870",),
)
GATEWAY_STRUCTURE = Control(
    id="attachments.gateway-structure",
    title="The gateway bounds what a message is made of",
    severity=Severity.MEDIUM,
    why="Thousands of parts, deep nesting or huge headers stop the programs behind without being large.",
    fix="leave attachments.max_header, max_parts, max_nesting and max_line at their defaults in lockdown.toml",
    evidence="attachments.max_header, attachments.max_parts, attachments.max_nesting, attachments.max_line",
)
GATEWAY_REPETITION = Control(
    id="attachments.gateway-repetition",
    title="The gateway stops the email bomb",
    severity=Severity.HIGH,
    why="The same large message sent again and again is what the item is about.",
    fix="leave the attachments.network_* and recipient_* limits at their defaults, and monitoring.never_limit short",
    evidence="attachments.window, network_* and recipient_*, against gateway.max_message; monitoring.never_limit",
)

CONTROLS = (
    MESSAGE_LIMIT,
    LIMITS_AGREE,
    MAILBOX_HOLDS_MESSAGE,
    HEADER_LIMIT,
    QUEUE_ROOM,
    CLIENT_RATES,
    RATE_EXCEPTIONS,
    RATES_COUNTED,
    STRUCTURE_LIMITS,
    SLOW_CLIENTS,
    WEB_UPLOAD,
    GATEWAY_MESSAGE_LIMIT,
    GATEWAY_STRUCTURE,
    GATEWAY_REPETITION,
)
