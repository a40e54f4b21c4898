"""The controls of item 2 that are judged from outside: what your names say to the world about your mail."""

from __future__ import annotations

from lockdown.model.finding import Control, Severity

_BSI = "BSI TR-03108-1"

SEEN_MX = Control(
    id="antispam.seen-mail-servers",
    title="The world finds your mail servers, and only those",
    severity=Severity.HIGH,
    why="A name that leads nowhere loses mail; one that leads past the gateway lets spam in unseen.",
    fix="publish MX records that name the gateway's own names, each with an address that others can reach",
    evidence="the MX records of the domain, and the addresses of each server",
    references=("RFC 5321 5.1", "RFC 2181 10.3", "RFC 7505"),
    black_box=True,
)
SEEN_SPF = Control(
    id="antispam.seen-spf",
    title="The world sees which servers send for you (SPF)",
    severity=Severity.HIGH,
    why="Without it anybody sends as you; with a broken record your own mail is refused.",
    fix='publish one TXT record at the domain, like "v=spf1 mx -all"',
    evidence="the TXT records of the domain, and of all that they include, as seen from outside",
    references=("RFC 7208",),
    black_box=True,
    maps=("BSI TR-03182",),
)
SEEN_DKIM = Control(
    id="antispam.seen-dkim",
    title="The signing keys that the world sees are strong (DKIM)",
    severity=Severity.MEDIUM,
    why="A signature with a weak key, or one that says it is a test, vouches for nothing.",
    fix="rspamadm dkim_keygen -b 2048 -s SELECTOR -d DOMAIN     (and publish what it prints)",
    evidence="the keys under the selectors that were named, and under common names",
    references=("RFC 6376 3.6.1", "RFC 8301 3.2"),
    black_box=True,
    maps=("BSI TR-03182",),
)
SEEN_DMARC = Control(
    id="antispam.seen-dmarc",
    title="The world is asked to refuse forgeries of your name (DMARC)",
    severity=Severity.HIGH,
    why="SPF and DKIM alone protect names that no reader sees; DMARC protects the one in From.",
    fix='publish TXT at _dmarc.DOMAIN: "v=DMARC1; p=quarantine; rua=mailto:dmarc@DOMAIN", and p=reject later',
    evidence="the TXT record at _dmarc of the domain, or of the one above",
    references=("RFC 9989",),
    black_box=True,
    maps=("BSI TR-03182",),
)
SEEN_REVERSE = Control(
    id="antispam.seen-reverse-names",
    title="Every mail server's address has a name that leads back to it",
    severity=Severity.MEDIUM,
    why="Large receivers refuse mail from an address without a name of its own.",
    fix="ask whoever gives you the address to set its PTR record to the name of your mail server",
    evidence="the PTR record of each address of each MX, and the addresses of that name",
    references=("RFC 1912 2.1",),
    black_box=True,
)
SEEN_MTA_STS = Control(
    id="antispam.seen-mta-sts",
    title="Senders are told to insist on TLS (MTA-STS)",
    severity=Severity.MEDIUM,
    why="Without it whoever sits on the way takes the offer of TLS out, and reads everything.",
    fix="publish _mta-sts.DOMAIN, and a policy at https://mta-sts.DOMAIN/.well-known/mta-sts.txt: mode: testing first",
    evidence="the record, the policy as fetched over HTTPS, and the MX records that it must name",
    references=("RFC 8461",),
    maps=(_BSI,),
    black_box=True,
)
SEEN_TLS_REPORTS = Control(
    id="antispam.seen-tls-reports",
    title="Senders know where to report that TLS failed (TLS-RPT)",
    severity=Severity.LOW,
    why="Without reports nobody notices that others cannot reach you securely.",
    fix='publish TXT at _smtp._tls.DOMAIN: "v=TLSRPTv1; rua=mailto:tls-reports@DOMAIN"',
    evidence="the TXT record at _smtp._tls of the domain",
    references=("RFC 8460 3",),
    black_box=True,
)
SEEN_DANE = Control(
    id="antispam.seen-dane",
    title="The certificates of your mail servers are those that the DNS names (DANE)",
    severity=Severity.HIGH,
    why="A record that does not match makes every sender that checks it hold your mail back, for days.",
    fix="publish _25._tcp.SERVER TLSA 3 1 1 for the key in use and for the next one, before that is put to use",
    evidence="the TLSA records of every MX, their signatures, and the certificate seen on port 25",
    references=("RFC 7672", "RFC 7671 8"),
    maps=(_BSI,),
    black_box=True,
)
SEEN_DNSSEC = Control(
    id="antispam.seen-dnssec",
    title="Your names are signed, and the signatures hold (DNSSEC)",
    severity=Severity.MEDIUM,
    why="With unsigned names whoever forges an answer gets your mail; with wrong signatures nobody reaches you.",
    fix="switch DNSSEC on where your names are hosted, and hand the DS record to your registrar",
    evidence="the chain of signatures from the trust anchor to the domain and to each mail server",
    references=("RFC 4035 5", "RFC 8624 3.1", "RFC 9364"),
    maps=(_BSI,),
    black_box=True,
)
SEEN_CAA = Control(
    id="antispam.seen-caa",
    title="The DNS says who may issue certificates for you (CAA)",
    severity=Severity.LOW,
    why="Without it any of some hundred authorities may be talked into a certificate in your name.",
    fix='publish CAA 0 issue "your.certificate.authority" at the domain',
    evidence="the CAA record of the domain, or of one above",
    references=("RFC 8659",),
    black_box=True,
)
SEEN_NAME_SERVERS = Control(
    id="antispam.seen-name-servers",
    title="Your names survive the loss of a name server",
    severity=Severity.LOW,
    why="With one name server, or all in one place, one fault takes your mail off the map.",
    fix="add a second name server in another network where your names are hosted",
    evidence="the NS records of the domain, and the networks of their addresses",
    references=("RFC 2182 3.1",),
    black_box=True,
)
SEEN_PARKED = Control(
    id="antispam.seen-parked",
    title="A domain without mail says so, and nobody can send as it",
    severity=Severity.MEDIUM,
    why="Forgers like names that nobody looks after: no mail of theirs is expected, so none is missed.",
    fix='publish MX 0 . and TXT "v=spf1 -all" at it, and TXT "v=DMARC1; p=reject" at _dmarc below it',
    evidence="MX, SPF and DMARC of a domain that takes no mail",
    references=("RFC 7505", "RFC 7208 10.1.2"),
    black_box=True,
)
SEEN_WILDCARD = Control(
    id="antispam.seen-wildcard",
    title="Names that you never made take no mail",
    severity=Severity.LOW,
    why="Under a wildcard every invented name of yours receives mail, and looks like one of yours.",
    fix="take the MX record of *.DOMAIN out of the DNS, and give it to the names that need it",
    evidence="the MX record of an invented name below the domain",
    references=("RFC 4592",),
    black_box=True,
)

NAMES_CONTROLS = (
    SEEN_MX,
    SEEN_SPF,
    SEEN_DKIM,
    SEEN_DMARC,
    SEEN_REVERSE,
    SEEN_MTA_STS,
    SEEN_TLS_REPORTS,
    SEEN_DANE,
    SEEN_DNSSEC,
    SEEN_CAA,
    SEEN_NAME_SERVERS,
    SEEN_PARKED,
    SEEN_WILDCARD,
)
