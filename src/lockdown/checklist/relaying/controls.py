"""The controls of item 8: what must hold so that strangers cannot send their mail through you."""

from __future__ import annotations

from lockdown.model.finding import Control, Severity

_POSTCONF = "https://www.postfix.org/postconf.5.html"

OPEN_TO_STRANGERS = Control(
    id="relaying.open-to-strangers",
    title="Strangers cannot relay",
    severity=Severity.CRITICAL,
    why="An open relay is found within hours; it sends others' spam, fills your queue and puts you on block lists.",
    fix="postconf -e 'smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, "
    "reject_unauth_destination' && postfix reload",
    evidence="the restriction lists of every SMTP service, walked for a stranger and a foreign recipient",
    side_effects="users who sent without logging in, from outside mynetworks, are refused",
    references=(f"{_POSTCONF}#smtpd_relay_restrictions", "RFC 5321 3.6.2"),
    waivable=False,
)
MYNETWORKS = Control(
    id="relaying.mynetworks-are-narrow",
    title="Only your own machines are trusted",
    severity=Severity.HIGH,
    why="Whoever has an address in mynetworks sends without a password: a guest, a container, a stranger behind NAT.",
    fix="postconf -e 'mynetworks = 127.0.0.0/8 [::1]/128' && postfix reload     "
    "(add single hosts that must send, such as 192.0.2.7/32)",
    evidence="mynetworks and mynetworks_style, for each SMTP service, against this machine's interfaces",
    side_effects="devices that send without logging in are refused until their own address is listed",
    references=(f"{_POSTCONF}#mynetworks",),
)
GATEWAY_NOT_TRUSTED = Control(
    id="relaying.gateway-is-not-trusted",
    title="The server behind does not trust the gateway",
    severity=Severity.CRITICAL,
    why="To the server behind, every stranger comes from the gateway's address; if that is trusted, everyone is.",
    fix="take the gateway's address out of mynetworks of that service, and into smtpd_authorized_xclient_hosts",
    evidence="gateway.upstream, and mynetworks of the Postfix service that it leads to",
    side_effects="programs on the same address that send without logging in need a service or a port of their own",
    references=("https://www.postfix.org/XCLIENT_README.html",),
)
RELAY_DOMAINS = Control(
    id="relaying.relay-domains-are-listed",
    title="Domains to relay for are listed by name",
    severity=Severity.HIGH,
    why="A pattern or a top-level domain in relay_domains makes foreign recipients count as yours.",
    fix="list each domain by its full name in relay_domains, mydestination or virtual_mailbox_domains",
    evidence="relay_domains, mydestination, virtual_mailbox_domains, virtual_alias_domains and the tables they name",
    references=(f"{_POSTCONF}#relay_domains",),
)
SENDER_ROUTING = Control(
    id="relaying.no-sender-routing",
    title="Senders cannot write a route into an address",
    severity=Severity.HIGH,
    why="user%elsewhere@yours and elsewhere!user are old ways to make a server relay what it would refuse.",
    fix="postconf -e allow_untrusted_routing=no allow_percent_hack=no swap_bangpath=no && postfix reload",
    evidence="allow_untrusted_routing, allow_percent_hack, swap_bangpath",
    references=(f"{_POSTCONF}#allow_untrusted_routing",),
)
PASSWORDS_NEED_TLS = Control(
    id="relaying.passwords-need-tls",
    title="Passwords are taken over TLS only",
    severity=Severity.HIGH,
    why="A password that crosses the network in clear is read once; then spam is sent in a colleague's name.",
    fix="postconf -e smtpd_tls_auth_only=yes && postfix reload",
    evidence="smtpd_sasl_auth_enable, smtpd_tls_auth_only, smtpd_tls_security_level, smtpd_tls_wrappermode by service",
    side_effects="mail programs set up without TLS must be set up again",
    references=("RFC 8314 3.3",),
)
SENDERS_MATCH = Control(
    id="relaying.users-send-as-themselves",
    title="Users send as themselves",
    severity=Severity.MEDIUM,
    why="Otherwise one stolen password sends as the director.",
    fix="set smtpd_sender_login_maps, and put reject_sender_login_mismatch first in smtpd_sender_restrictions",
    evidence="smtpd_sender_login_maps and the restriction lists of the SMTP services that offer AUTH",
    side_effects="shared mailboxes must be listed with everyone who may send from them",
    references=(f"{_POSTCONF}#smtpd_sender_login_maps",),
)
NO_VRFY = Control(
    id="relaying.no-user-probing",
    title="The server does not tell who has a mailbox",
    severity=Severity.LOW,
    why="VRFY gives spammers a list of your addresses.",
    fix="postconf -e disable_vrfy_command=yes && postfix reload",
    evidence="disable_vrfy_command of each SMTP service that strangers reach",
    references=("RFC 5321 7.3",),
)
TAKES_OWN_MAIL = Control(
    id="relaying.own-mail-gets-in",
    title="Hardening does not refuse your own mail",
    severity=Severity.HIGH,
    why="Some hardening guides close the relay by closing the server: all mail from the Internet is refused.",
    fix="remove the plain `reject` from the client, helo and sender restrictions of port 25; inet_interfaces = all",
    evidence="the restriction lists of port 25, walked for a stranger and your recipient; inet_interfaces; site.role",
    references=(
        "RFC 5321 4.5.1",
        "CIS, mail transfer agent local-only: for machines that are no mail server; conflicts with this one's role",
        "ComplianceAsCode, smtpd_client_restrictions = permit_mynetworks,reject: conflicts with an MX's role",
    ),
)
NO_SMUGGLING = Control(
    id="relaying.no-smuggling",
    title="No second message can hide in a first",
    severity=Severity.MEDIUM,
    why="A server that lets a bare newline end a message takes forged mail in the name of whoever relayed it.",
    fix="postconf -e smtpd_forbid_bare_newline=normalize && postfix reload",
    evidence="smtpd_forbid_bare_newline, smtpd_forbid_unauth_pipelining, smtpd_data_restrictions of each SMTP service",
    side_effects="clients that end a message with a bare newline wait in vain; list them in the _exclusions",
    references=("https://www.postfix.org/smtp-smuggling.html", "CVE-2023-51764"),
)
XCLIENT = Control(
    id="relaying.claimed-addresses",
    title="Few may say that they are somebody else",
    severity=Severity.HIGH,
    why="Who may use XCLIENT, or a PROXY header, takes any address he likes: one that may relay, for instance.",
    fix="postconf -e 'smtpd_authorized_xclient_hosts =' && postfix reload     (or the single host that needs it)",
    evidence="smtpd_authorized_xclient_hosts and smtpd_upstream_proxy_protocol of each SMTP service",
    references=("https://www.postfix.org/XCLIENT_README.html",),
)
NO_ANONYMOUS = Control(
    id="relaying.no-nameless-log-in",
    title="Nobody logs in without a name",
    severity=Severity.HIGH,
    why="A log-in by ANONYMOUS gives a stranger what a user has: he may relay.",
    fix="postconf -e smtpd_sasl_security_options=noanonymous && postfix reload",
    evidence="smtpd_sasl_security_options and smtpd_sasl_tls_security_options of the SMTP services that offer AUTH",
    references=(f"{_POSTCONF}#smtpd_sasl_security_options",),
)
QUIET_BANNER = Control(
    id="relaying.quiet-banner",
    title="The greeting names no version",
    severity=Severity.LOW,
    why="It sorts your server into the list of those that the next hole fits; the name of the software alone does not.",
    fix="postconf -e 'smtpd_banner = $myhostname ESMTP' && postfix reload",
    evidence="smtpd_banner of the SMTP services that strangers reach",
    references=(f"{_POSTCONF}#smtpd_banner",),
)
BOUNCES_GET_IN = Control(
    id="relaying.bounces-get-in",
    title="The empty sender is not refused",
    severity=Severity.LOW,
    why="Some hardening guides refuse it as forged: it is what every bounce and receipt has, and must be accepted.",
    fix="take the rule for <> out of the table of senders && postfix reload",
    evidence="the sender tables in the restriction lists of the services that strangers reach",
    references=("RFC 5321 4.5.5", "RFC 5321 6.1", "Exchange STIG, reject the null sender: conflicts with RFC 5321"),
)
GATEWAY_DOMAINS = Control(
    id="relaying.gateway-domains",
    title="The gateway knows whose mail it takes",
    severity=Severity.HIGH,
    why="With no domain, or the example's, real mail is refused at the gate.",
    fix='write site.domains = ["your.domain"] in lockdown.toml',
    evidence="site.domains and gateway.listen",
)
GATEWAY_TRUST = Control(
    id="relaying.gateway-trust-is-narrow",
    title="The gateway trusts few networks",
    severity=Severity.CRITICAL,
    why="Whoever is in gateway.trusted_networks sends outward without a password; loopback makes local proxies relays.",
    fix="list single hosts or small networks in gateway.trusted_networks, never loopback",
    evidence="gateway.trusted_networks and gateway.outbound",
    waivable=False,
)
GATEWAY_OUTWARD = Control(
    id="relaying.gateway-outward-is-whole",
    title="The gateway's way outward is set up whole",
    severity=Severity.LOW,
    why="Trusted networks without gateway.outbound, or the other way round, look as if they worked, and do nothing.",
    fix="set both gateway.trusted_networks and gateway.outbound, or neither",
    evidence="gateway.trusted_networks and gateway.outbound",
)
UNKNOWN_RECIPIENT = Control(
    id="relaying.unknown-recipient",
    title="Unknown recipients are refused at the door",
    severity=Severity.MEDIUM,
    why="Mail that is accepted first and bounced later goes to whoever the spammer named as sender: you send the spam.",
    fix='keep site.recipients = "upstream" with an upstream that refuses unknown users, or list the addresses',
    evidence="site.recipients and gateway.upstream",
    references=("RFC 5321 3.3", "Exchange STIG, do not block non-existent recipients: conflicts; it makes backscatter"),
)
SENDER_SHAPE = Control(
    id="relaying.sender-shape",
    title="Senders have a domain and no route",
    severity=Severity.LOW,
    why="A sender without a domain can get no bounce, and slips past every list of senders.",
    fix="nothing to set: the gateway refuses them",
    evidence="the gateway's rule for MAIL FROM",
    in_flight=True,
    references=("RFC 5321 4.1.1.2",),
)

CONTROLS = (
    OPEN_TO_STRANGERS,
    GATEWAY_NOT_TRUSTED,
    MYNETWORKS,
    RELAY_DOMAINS,
    SENDER_ROUTING,
    PASSWORDS_NEED_TLS,
    NO_ANONYMOUS,
    SENDERS_MATCH,
    XCLIENT,
    NO_SMUGGLING,
    NO_VRFY,
    QUIET_BANNER,
    BOUNCES_GET_IN,
    TAKES_OWN_MAIL,
    GATEWAY_TRUST,
    GATEWAY_OUTWARD,
    GATEWAY_DOMAINS,
    UNKNOWN_RECIPIENT,
    SENDER_SHAPE,
)
