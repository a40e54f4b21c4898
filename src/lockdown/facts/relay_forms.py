"""The relay matrix: the forms of sender and recipient that relay testers and attackers have tried, as facts.

Templates in which a letter alone stands for a name: C a mailbox of the tester's, X the tester's domain, foreign to the
server; H a domain of the server's, I its address, S the name in its greeting. `filled` puts the names in.
Fails as: nothing; a template that lacks a name is filled with what is given.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Names:
    """What the letters stand for."""

    canary: str
    outside: str
    domain: str
    address: str
    banner: str


@dataclass(frozen=True, slots=True)
class Form:
    """One path as it is sent, brackets included, and the parameters behind it."""

    id: str
    template: str

    @property
    def needs_utf8(self) -> bool:
        """Only a server with SMTPUTF8 takes it as more than garbage (RFC 6531)."""
        return self.template.endswith(" SMTPUTF8")


SAME_AS_RECIPIENT = "=recipient"

SENDERS: tuple[Form, ...] = (
    Form("F01", "<>"),
    Form("F02", "<t@X>"),
    Form("F03", "<t@S>"),
    Form("F04", "<t@[I]>"),
    Form("F05", "<t@H>"),
    Form("F06", "<t@localhost>"),
    Form("F07", "<t>"),
    Form("F08", SAME_AS_RECIPIENT),
    Form("F09", "<postmaster@H>"),
    Form("F10", "<t@sub.H>"),
    Form("F11", "<jörg@H> SMTPUTF8"),
    Form("F12", "<SRS0=bad=tt=X=C@H>"),
    Form("F13", "<t@H> AUTH=<t@H>"),
)

RECIPIENTS: tuple[Form, ...] = (
    Form("R01", "<C@X>"),
    Form("R02", "<C%X@[I]>"),
    Form("R03", "<C%X@H>"),
    Form("R04", '<"C@X">'),
    Form("R05", '<"C%X">'),
    Form("R06", "<C@X@[I]>"),
    Form("R07", '<"C@X"@[I]>'),
    Form("R08", "<C@X@H>"),
    Form("R09", "<@[I]:C@X>"),
    Form("R10", "<@H:C@X>"),
    Form("R11", "<X!C>"),
    Form("R12", "<X!C@[I]>"),
    Form("R13", "<X!C@H>"),
    Form("R14", '<"C@X"@H>'),
    Form("R15", '<"C%X"@H>'),
    Form("R15", '<"C%X"@[I]>'),
    Form("R16", "<@a.example,@H:C@X>"),
    Form("R17", "<H!X!C>"),
    Form("R17", "<C%X%H@H>"),
    Form("R18", "<C%X@localhost>"),
    Form("R18", "<C@X@localhost>"),
    Form("R18", '<"C@X"@localhost>'),
    Form("R19", "C@X"),
    Form("R19", "< C@X >"),
    Form("R19", "<C @X>"),
    Form("R19", "<C@X.>"),
    Form("R19", "<(comment)C@X>"),
    Form("R21", "<SRS0=badhash=tt=X=C@H>"),
    Form("R21", "<srs0+badhash=tt=X=C@H>"),
    Form("R21", "<SRS1=badhash=relay.example==hash=tt=X=C@H>"),
    Form("R22", "<known+C=X@H>"),
    Form("R22", "<owner-list=C@X@H>"),
    Form("R22", "<prvs=0123456789=C=X@H>"),
    Form("R24", "<C@X> ORCPT=rfc822;C@X"),
    Form("R24", "<C@X> NOTIFY=SUCCESS,FAILURE"),
    Form("R25", "<C\0@X>"),
    Form("R25", "<C\r@X>"),
    Form("R25", "<C=40X@H>"),
    Form("R26", '<"C\\@X"@H>'),
    Form("R26", "<C(x)@X>"),
    Form("R26", "<C\\@X@H>"),
)
"""R20 (the address of a third host) is left out: it belongs to nobody here. R23 is `MIXED`."""

MIXED = "R23"
"""A recipient of the server's own and R01 in one transaction: some servers look at the first one only."""

PLAIN = "R01"
"""The plain foreign recipient: a server that takes it takes anything."""

CORE_SENDERS = ("F01", "F02", "F05")
"""No sender, a stranger, and one who claims to be of the house."""
CORE_RECIPIENTS = ("R01", "R03", "R14")

# A letter that has a letter beside it is part of a word; `example` and `SRS0` hold none alone.
_LETTER = re.compile(r"(?<![A-Za-z0-9])[CXHIS](?![A-Za-z0-9])|(?<==40)X(?![A-Za-z0-9])")


def filled(form: Form, names: Names) -> str:
    """The form with the names in place of their letters."""
    values = {"C": names.canary, "X": names.outside, "H": names.domain, "I": names.address, "S": names.banner}
    return _LETTER.sub(lambda letter: values[letter[0]], form.template)
