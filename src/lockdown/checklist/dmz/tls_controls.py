"""The controls of item 3 on how a server secures connections, as seen from outside."""

from __future__ import annotations

from lockdown.model.finding import Control, Severity

_BSI = "BSI TR-03108-1"

SEEN_STARTTLS = Control(
    id="dmz.seen-starttls",
    title="Every mail port offers TLS, at every address",
    severity=Severity.HIGH,
    why="Without it passwords and mail cross the net as plain text.",
    fix="postconf -e smtpd_tls_security_level=may smtpd_tls_chain_files=/etc/ssl/private/mail.pem && postfix reload",
    evidence="STARTTLS or TLS on each port that was tried, address by address",
    references=("RFC 3207", "RFC 8314 3"),
    maps=(_BSI,),
    black_box=True,
)
SEEN_VERSIONS = Control(
    id="dmz.seen-tls-versions",
    title="Only versions of TLS are spoken that are not broken",
    severity=Severity.MEDIUM,
    why="SSL 3.0 can be read by whoever sits on the way; TLS 1.0 and 1.1 are withdrawn.",
    fix="postconf -e 'smtpd_tls_protocols = >=TLSv1.2' && postfix reload; ssl_min_protocol = TLSv1.2 in Dovecot",
    evidence="a greeting with each version from SSL 3.0 to TLS 1.3",
    side_effects="very old programs and machines no longer connect; on port 25 they fall back to plain text",
    references=("RFC 8996", "RFC 7568"),
    black_box=True,
)
SEEN_SUITES = Control(
    id="dmz.seen-tls-suites",
    title="No cipher is offered that can be broken",
    severity=Severity.MEDIUM,
    why="A server that takes a broken cipher can be talked into it.",
    fix="postconf -e smtpd_tls_ciphers=medium tls_medium_cipherlist='HIGH:!aNULL:!3DES:!RC4' && postfix reload",
    evidence="a greeting with each kind of weak cipher: none at all, export, DES, RC4, 3DES, anonymous",
    references=("RFC 7465", "RFC 9325 4.1"),
    black_box=True,
)
SEEN_SECRECY = Control(
    id="dmz.seen-forward-secrecy",
    title="Keys are exchanged so that recordings stay secret",
    severity=Severity.LOW,
    why="Without forward secrecy, whoever gets the server's key later reads all that was recorded before.",
    fix="put ciphers with ECDHE first: tls_medium_cipherlist in Postfix, ssl_cipher_list in Dovecot",
    evidence="the key exchange that the server chooses, and the size of its group",
    references=("RFC 9325 4.1", "RFC 9325 4.4"),
    black_box=True,
)
SEEN_DATES = Control(
    id="dmz.seen-certificate-dates",
    title="Certificates are valid, and will be for a while",
    severity=Severity.HIGH,
    why="On the day it runs out every mail program warns, and servers that insist on TLS deliver nothing.",
    fix="certbot renew && systemctl reload postfix dovecot     (then look why it did not happen by itself)",
    evidence="the dates of the certificate on each port",
    references=("RFC 5280 4.1.2.5",),
    black_box=True,
)
SEEN_NAMES = Control(
    id="dmz.seen-certificate-names",
    title="Certificates are trusted, and made out to the name that is used",
    severity=Severity.MEDIUM,
    why="People learn to click warnings away; servers that insist on the name do not deliver.",
    fix="certbot certonly -d SERVER.NAME     (then name the files in Postfix and Dovecot)",
    evidence="the names in the certificate on each port, and whether its issuer is trusted",
    references=("RFC 9525 6.3", "RFC 8461 4.1"),
    black_box=True,
)
SEEN_KEY = Control(
    id="dmz.seen-certificate-key",
    title="Keys of certificates are long enough",
    severity=Severity.MEDIUM,
    why="A short key can be computed, and a signature with a broken digest forged.",
    fix="certbot renew --force-renewal --key-type ecdsa     (an EC key of 256 bits, or RSA from 2048 on)",
    evidence="kind and size of the key, and the digest in the signature",
    references=("RFC 9325 4.5",),
    black_box=True,
)
SEEN_SAME = Control(
    id="dmz.seen-same-certificate",
    title="One server shows one certificate per kind of service",
    severity=Severity.LOW,
    why="A port with the certificate from before the last renewal is the one that fails first.",
    fix="systemctl reload postfix dovecot     (after each renewal, by a deploy hook of certbot)",
    evidence="when the certificates for the same names end, port by port",
    black_box=True,
)
SEEN_HANDSHAKE = Control(
    id="dmz.seen-tls-handshake",
    title="The handshake has no known weakness",
    severity=Severity.LOW,
    why="Compression leaks secrets, and renegotiation without its protection lets others speak first.",
    fix="postconf -e tls_ssl_options=NO_COMPRESSION,NO_RENEGOTIATION && postfix reload",
    evidence="compression, secure renegotiation and the extended master secret in the server's greeting",
    references=("RFC 5746", "RFC 7627", "RFC 9325 3.3"),
    black_box=True,
)

TLS_CONTROLS = (
    SEEN_STARTTLS,
    SEEN_VERSIONS,
    SEEN_SUITES,
    SEEN_SECRECY,
    SEEN_DATES,
    SEEN_NAMES,
    SEEN_KEY,
    SEEN_SAME,
    SEEN_HANDSHAKE,
)
