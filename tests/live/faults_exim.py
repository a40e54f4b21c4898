"""Faults of an Exim, each planted alone in a configuration that is well, and what a stranger can do with it."""

from __future__ import annotations

from dataclasses import dataclass

from lockdown.model.finding import State

FAIL, WARN = State.FAIL, State.WARN

# What Exim needs to start from a folder of its own and to ask nobody; no control is about it.
START = """\
exim_user = mail
exim_group = mail
primary_hostname = mx.example.org
spool_directory = {folder}/spool
log_file_path = {folder}/%slog
tls_advertise_hosts =
keep_environment =
host_lookup =
"""
# Debian's own order of statements.
EXIM = """\
domainlist local_domains = @ : localhost : example.org
domainlist relay_to_domains =
hostlist relay_from_hosts = 127.0.0.1 : ::::1
message_size_limit = 25M
acl_smtp_rcpt = acl_check_rcpt
begin acl
acl_check_rcpt:
  accept hosts = :
  deny domains = +local_domains
       local_parts = ^[.] : ^.*[@%!/|]
  deny condition = ${if and {{>{$rcpt_count}{10}}{<{$recipients_count}{${eval:$rcpt_count/2}}}}}
  accept hosts = +relay_from_hosts
  accept authenticated = *
  require message = relay not permitted
          domains = +local_domains : +relay_to_domains
  require verify = recipient
  deny hosts = ${if exists{/etc/exim4/local_host_blacklist}{/etc/exim4/local_host_blacklist}{}}
  accept
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${if and{{eq{$auth2}{bob}}{eq{$auth3}{of the tests}}}}
  server_set_id = $auth2
  server_advertise_condition = ${if eq{$tls_in_cipher}{}{}{*}}
"""
END = """\
begin routers
all:
  driver = accept
  transport = nowhere
begin transports
nowhere:
  driver = appendfile
  file = /dev/null
"""

STRANGER = ("EHLO [203.0.113.9]", "MAIL FROM:<boss@example.org>", "RCPT TO:<x@foreign.example>")
LOG_IN = ("EHLO mail.stranger.example", "AUTH PLAIN AGFueWJvZHkAYW55dGhpbmc=")
NONE: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fault:
    """What is written instead of what; `asks` shows it on the real server, which answers with `answer` then."""

    name: str
    control: str
    state: State
    old: str
    new: str
    asks: tuple[str, ...] = STRANGER
    answer: str = "250"


OPEN, TRUST, DOMAINS = (
    "relaying.open-to-strangers", "relaying.mynetworks-are-narrow", "relaying.relay-domains-are-listed",
)  # fmt: skip
CLEAR, NAMELESS, PROBING = (
    "relaying.passwords-need-tls", "relaying.no-nameless-log-in", "relaying.no-user-probing",
)  # fmt: skip
SIZE, ROUTES = "attachments.message-limit", "relaying.no-sender-routing"
HOSTS, LOGGED_IN, MAIN = "127.0.0.1 : ::::1", "accept authenticated = *", "begin acl"
RULE = "require message = relay not permitted\n          domains = +local_domains : +relay_to_domains"
WHEN = "server_advertise_condition = ${if eq{$tls_in_cipher}{}{}{*}}"
ASKED = "server_condition = ${if and{{eq{$auth2}{bob}}{eq{$auth3}{of the tests}}}}"

FAULTS = (
    Fault("the relay rule is gone", OPEN, FAIL, RULE, "warn"),
    Fault("the relay rule only warns", OPEN, FAIL, "require message = relay not permitted", "warn"),
    Fault("the rule stands behind an accept", OPEN, FAIL, RULE, f"accept\n  {RULE}"),
    Fault("every domain is relayed to", OPEN, FAIL, "relay_to_domains =", "relay_to_domains = *"),
    Fault("every domain counts as yours", DOMAINS, FAIL, "relay_to_domains =", "relay_to_domains = *"),
    Fault("every domain by a pattern", OPEN, FAIL, "relay_to_domains =", "relay_to_domains = ^.*"),
    Fault("the last domain is negated", OPEN, FAIL, "relay_to_domains =", "relay_to_domains = !bad.example"),
    Fault("a backup MX of anybody", DOMAINS, WARN, "relay_to_domains =", "relay_to_domains = @mx_any", NONE),
    Fault("a whole top-level domain", DOMAINS, FAIL, "relay_to_domains =", "relay_to_domains = *.com : *.example"),
    Fault("everyone is trusted", OPEN, FAIL, HOSTS, "0.0.0.0/0"),
    Fault("everyone may relay", TRUST, FAIL, HOSTS, "0.0.0.0/0"),
    Fault("a star is trusted", OPEN, FAIL, HOSTS, "*"),
    Fault("everyone but one is trusted", OPEN, FAIL, HOSTS, "!192.0.2.1"),
    Fault("half the world is trusted", TRUST, FAIL, HOSTS, "128.0.0.0/1"),
    Fault("a provider's network is trusted", TRUST, FAIL, HOSTS, "203.0.0.0/8"),
    Fault("a private range is trusted", TRUST, WARN, HOSTS, "10.0.0.0/8", NONE),
    Fault("trust by a macro", OPEN, FAIL, "hostlist relay_from_hosts = 127.0.0.1 : ::::1",
          "NETS = 0.0.0.0/0\n.ifdef NETS\nhostlist relay_from_hosts = NETS\n.endif"),
    Fault("trust by a list in a list", OPEN, FAIL, "hostlist relay_from_hosts = 127.0.0.1 : ::::1",
          "hostlist all = *\nhostlist relay_from_hosts = 127.0.0.1 : +all"),
    Fault("trust with another sign between", OPEN, FAIL, HOSTS, "<; 127.0.0.1 ; 0.0.0.0/0"),
    Fault("trust turned round", OPEN, FAIL, "accept hosts = +relay_from_hosts", "accept !hosts = +relay_from_hosts"),
    Fault("a forged sender opens", OPEN, FAIL, LOGGED_IN, "accept senders = *@example.org"),
    Fault("a forged sender's domain opens", OPEN, FAIL, LOGGED_IN, "accept sender_domains = +local_domains"),
    Fault("a HELO opens", OPEN, FAIL, LOGGED_IN, "accept verify = helo"),
    Fault("TLS is enough", OPEN, FAIL, LOGGED_IN, "accept encrypted = *", NONE),
    Fault("no TLS is enough", OPEN, FAIL, LOGGED_IN, "accept !encrypted = *"),
    Fault("who has not logged in may", OPEN, FAIL, LOGGED_IN, "accept !authenticated = *"),
    Fault("a condition that always holds", OPEN, FAIL, LOGGED_IN, "accept condition = yes"),
    Fault("accept instead of a list", OPEN, FAIL, "acl_smtp_rcpt = acl_check_rcpt", "acl_smtp_rcpt = accept"),
    Fault("an asked list accepts", OPEN, FAIL, LOGGED_IN, "accept acl = friends\n  deny\nfriends:\n  accept\n"),
    Fault("AUTH in clear", CLEAR, FAIL, WHEN, "", LOG_IN, "535"),
    Fault("AUTH in clear by a word", CLEAR, FAIL, WHEN, "server_advertise_condition = yes", LOG_IN, "535"),
    Fault("any password", NAMELESS, FAIL, ASKED, "server_condition = true", NONE),
    Fault("VRFY is answered", PROBING, FAIL, MAIN, f"acl_smtp_vrfy = accept\n{MAIN}", ("VRFY bob@example.org",)),
    Fault("EXPN is answered", PROBING, FAIL, MAIN, f"acl_smtp_expn = e\n{MAIN}\ne:\n  accept",
          ("EXPN bob@example.org",)),
    Fault("an address is taken for a route", ROUTES, FAIL, MAIN, f"percent_hack_domains = example.org\n{MAIN}", NONE),
    Fault("messages without end", SIZE, FAIL, "message_size_limit = 25M", "message_size_limit = 0",
          ("EHLO x", "MAIL FROM:<a@b.example> SIZE=90000000")),
    Fault("messages like films", SIZE, WARN, "message_size_limit = 25M", "message_size_limit = 2G",
          ("EHLO x", "MAIL FROM:<a@b.example> SIZE=90000000")),
    Fault("messages too small for work", SIZE, WARN, "message_size_limit = 25M", "message_size_limit = 500K", NONE),
)  # fmt: skip

# What looks like a fault and is none.
INNOCENT = {
    "a ban that cannot be read": (LOGGED_IN, f"deny hosts = net-lsearch;/etc/hosts\n  {LOGGED_IN}"),
    "a single partner may relay": (HOSTS, "127.0.0.1 : 192.0.2.7 : 198.51.100.0/28"),
    "everyone is refused first": (RULE, f"deny !domains = +local_domains\n  {RULE}"),
    "our domains from everyone": (LOGGED_IN, f"accept hosts = *\n  domains = +local_domains\n  {LOGGED_IN}"),
    "endpass ends it": (LOGGED_IN, f"accept hosts = *\n  endpass\n  domains = +local_domains\n  {LOGGED_IN}"),
    "a warning about everyone": (LOGGED_IN, f"warn hosts = *\n  {LOGGED_IN}"),
    "an asked list refuses": (LOGGED_IN, "accept acl = friends\n  deny\nfriends:\n  deny\n"),
    "log-ins over TLS only": (LOGGED_IN, "accept authenticated = *\n  encrypted = *"),
    "AUTH switched off by a word": (WHEN, "server_advertise_condition = false"),
    "AUTH switched off for all": (MAIN, f"auth_advertise_hosts =\n{MAIN}"),
    "a password that is never sent": ("driver = plaintext\n  public_name = PLAIN\n  server_prompts = :\n  " + ASKED
                                      + "\n  server_set_id = $auth2\n  " + WHEN,
                                      "driver = cram_md5\n  public_name = CRAM-MD5\n  server_secret = no\n"),
    "a domain of ours more": ("relay_to_domains =", "relay_to_domains = *.example.net : partner.example"),
}  # fmt: skip
