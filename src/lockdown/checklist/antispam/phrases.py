"""What fraud says, in a few languages: short and robust, weak by itself, and only a part of what is judged.

Each topic has stems, of which one must stand in the text at all, and patterns that then decide, around that word.
Bounded: MOST_TEXT characters are looked at, in windows of two hundred.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

MOST_TEXT = 2500


class Topic(StrEnum):
    """What a letter wants, or how it presses."""

    ACCOUNT = "asks to confirm, unlock or renew an account or password"
    DOCUMENT = "offers a document or message behind a link"
    PARCEL = "asks a fee for a parcel"
    GIFT_CARDS = "asks for gift cards"
    BANK_CHANGE = "announces a new bank account"
    TRANSFER = "asks for a payment"
    EXTORTION = "threatens with recordings"
    COINS = "names a wallet for coins"
    ADVANCE_FEE = "promises money from strangers"
    REFUND = "promises a refund"
    CALL_BACK = "wants to be called, to cancel what was never ordered"
    URGENCY = "presses for time"
    SECRECY = "asks for discretion"
    QR = "asks to scan a QR code"


class Phrases(NamedTuple):
    """How one topic is recognised."""

    topic: Topic
    stems: tuple[str, ...]
    pattern: re.Pattern[str]


def _of(topic: Topic, stems: str, pattern: str) -> Phrases:
    return Phrases(topic, tuple(_joined(stems).split("|")), re.compile(_factored(_joined(pattern).replace("…", _GAP))))


def _joined(text: str) -> str:
    """What was broken into lines only for the reader of this file."""
    return "".join(line.removeprefix("        ") for line in text.splitlines())


def _factored(pattern: str) -> str:
    """The same pattern, its branches by their first letter: so most places in a text are passed with one glance."""
    bounded: dict[str, list[str]] = {}
    others: dict[str, list[str]] = {}
    for branch in _branches(pattern):
        kind = bounded if branch.startswith(r"\b") else others
        for letter, rest in _by_letter(branch.removeprefix(r"\b")):
            kind.setdefault(letter, []).append(rest)
    return "|".join(filter(None, (rf"\b(?:{_either(bounded)})" if bounded else "", _either(others))))


def _either(rests: dict[str, list[str]]) -> str:
    return "|".join(f"{letter}(?:{'|'.join(found)})" for letter, found in rests.items())


def _by_letter(branch: str) -> list[tuple[str, str]]:
    """The first letter of a branch and what follows; of one that begins with a group, for each letter of the group."""
    pieces = _pieces(branch)
    if not branch.startswith("(?:"):
        return [(branch[0], branch[1:])] if branch[0].isalpha() and branch[1:2] not in _REPEATS else [("", branch)]
    depth, end = 0, 0
    for place, piece in enumerate(pieces):
        depth += (piece == "(") - (piece == ")")
        if not depth:
            end = place
            break
    heads, rest = _branches("".join(pieces[3:end])), "".join(pieces[end + 1 :])
    if rest[:1] in _REPEATS or not all(head[:1].isalpha() and head[1:2] not in _REPEATS for head in heads):
        return [("", branch)]
    found: dict[str, list[str]] = {}
    for head in heads:
        found.setdefault(head[0], []).append(head[1:])
    return [(letter, f"(?:{'|'.join(tails)}){rest}") for letter, tails in found.items()]


def _branches(pattern: str) -> list[str]:
    """Cut at each bar that stands in no group."""
    found, depth = [""], 0
    for piece in _pieces(pattern):
        depth += (piece == "(") - (piece == ")")
        if piece == "|" and not depth:
            found.append("")
        else:
            found[-1] += piece
    return found


def _pieces(pattern: str) -> list[str]:
    return re.findall(r"\\.|\[\^?[^\]]*\]|.", pattern)


_REPEATS = ("?", "*", "+", "{")
_GAP = r"[^.!?\n]{0,60}?"
"""Within one sentence, and near; written `…` below."""

TOPICS = (
    _of(
        Topic.ACCOUNT,
        """
        account|mailbox|password|passwor|sign-in|signin|identity|quota|konto|postfach|passwort|kennwort|cuenta|
        contraseña|buzón|compte|mot de passe|boîte|payment method|zahlungs|membership|conto|credentials|migrate|
        migration|migrating|webmail|sicherheitsverfahren|registrieren|access|recognise|recognize|registered
        """,
        r"""
        \b(?:verify|confirm|validate|re-?validate|re-?activate|unlock|restore|authenticate|update|
        upgrade)\b…\b(?:account|mailbox|identity|password|e-?mail|payment (?:method|details|information)|billing|
        ownership|login)\b
        |\b(?:account|mailbox|e-?mail|access|membership|subscription)\b…\b(?:suspen|lock|limit|restrict|deactivat|
        disabl|terminat|block|expire|on hold|be closed|de-?activat|deleted|shut down|cancel)
        |\bpassword\b…\b(?:expire|expiring|expiration|about to|keep (?:the )?(?:same|current|using))
        |\bkeep (?:my |your |the )?(?:same |current )?password\b
        |\b(?:sign|log) ?in (?:with|using) your (?:e-?mail|work|office|company|business|corporate) (?:account|
        password|address|credentials)
        |\b(?:unusual|suspicious|unauthori[sz]ed|unrecogni[sz]ed)\b…\b(?:sign-?in|log-?in|activity|access|attempt)
        |\b(?:mailbox|storage|quota)\b…\b(?:full|exceed|limit|almost|9\d ?%|out of)
        |\b(?:konto|postfach|zugang|zugriff|karte|onlinebanking|online-banking)\b…(?:gesperrt|eingeschränkt|
        deaktiviert|gelöscht|voll|abgelaufen|läuft ab|blockiert|überschritten|eingestellt)
        |\b(?:bestätigen|verifizieren|aktualisieren|prüfen|reaktivieren|entsperren)\b…\b(?:konto|identität|daten|
        zugangsdaten|passwort|kennwort|angaben|kundendaten|e-mail-adresse|postfach)
        |\b(?:ihre?|dein) (?:konto|daten|kundendaten|angaben|identität|zahlungs\w+|postfach)…(?:bestätig|verifizier|
        aktualisier|überprüf)
        |(?:passwort|kennwort)\b…(?:läuft|abgelaufen|ablauf|abläuft|beibehalten)
        |ungewöhnliche[rn]? (?:anmelde|aktivität|login|zugriff)
        |\b(?:verifi(?:que|car|ca)|confirm(?:e|ar|a)|actuali(?:ce|zar|za)|valid(?:e|ar|a)|reactiv(?:e|
        ar))\b…\b(?:cuenta|identidad|datos|contraseña|buzón|información|correo)
        |\b(?:cuenta|buzón|correo|acceso|tarjeta)\b…(?:suspendid|bloquead|limitad|desactivad|llen[oa]|cancelad|
        cerrad|restringid|eliminad|cadu)
        |contraseña\b…(?:cadu|expir|venc|mantener|conservar)
        |\b(?:vérifi(?:er|ez)|confirm(?:er|ez)|mettre à jour|valid(?:er|ez))\b…\b(?:compte|identité|informations|
        mot de passe)
        |\bcompte\b…(?:suspendu|bloqué|limité|désactivé)
        |mot de passe\b…expir
        |boîte\b…pleine
        |\b(?:verific|conferm|aggiorn)\w+…\bconto\b
        |\bconto\b…(?:sospes|bloccat)
        |\b(?:log|sign) ?in…\b(?:credentials|e-?mail password)\b|\bmigrat(?:e|ion|ing)\b…\b(?:portal|webmail|
        mailbox|server|e-?mail)\b
        |\b(?:loss of|lose|losing|regain|interrupted?)\b…\baccess\b|\bnew device\b…\b(?:regist|added|sign|log)
        |\b(?:neues?|geändertes?) sicherheitsverfahren|registrieren sie sich…(?:bis|sonst|andernfalls)|
        pushtan…(?:ab|aktual|regist)
        |\bcontinue with (?:the )?(?:current|same) password
        """,
    ),
    _of(
        Topic.DOCUMENT,
        """
        document|voice|shared|review|signature|sign |fax|dokument|sprachnachricht|unterschr|documento|firma|
        undelivered|quarantin|payslip|remittance|statement|scan|scanned|scanner|pdf|wetransfer|playback|salary|
        benefits|pending|held|encrypted|messages|mensajes|mensaje
        """,
        r"""
        \b(?:shared|sent you|has sent|received)\b…\b(?:document|file|folder|fax|invoice|proposal|contract)\b
        |\b(?:view|review|open|access|download|sign)\b…\b(?:shared |secure |encrypted |attached )?(?:document|file|
        message|fax)\b
        |\b(?:new|missed|1|one) (?:voice ?mail|voice ?message|fax)\b
        |\bvoice ?mail (?:from|message|received)
        |listen to (?:the|your) (?:voice ?mail|message)
        |\b(?:messages?|mails?|e-?mails?)\b…\b(?:pending|held|undelivered|on hold|quarantined|failed to)\b
        |\b(?:pending|held|undelivered|quarantined)\b…\bmessages?\b
        |\b(?:dokument|datei)\b…(?:freigegeben|geteilt|unterzeichn|unterschr|ansehen|öffnen|wartet)
        |sprachnachricht
        |zurückgehaltene
        |\b(?:documento|archivo)\b…(?:compartid|firm|pendiente|revis)
        |mensaje de voz
        |mensajes (?:pendientes|retenidos)
        |\bdocument\b…(?:partagé|à signer)
        |message vocal
        |\bscanned\b…\b(?:file|document|image)|\bview (?:scan|file|pdf|invoice)\b|\bopen pdf\b|
        \bhas been shared with you
        |\bsalary\b…\b(?:review|structure|document|adjust|increase)|\breview\b…\b(?:salary|benefits|payroll)
        """,
    ),
    _of(
        Topic.PARCEL,
        """
        parcel|package|delivery|shipment|customs|paket|sendung|zoll|paquete|envío|aduana|colis|livraison|pacco
        """,
        r"""
        \b(?:parcel|package|delivery|shipment|customs)\b…\b(?:fee|charge|duty|unpaid|could not be delivered|on hold|
        pending|reschedul|re-?deliver|failed|incomplete address)
        |\b(?:fee|charge|duty)\b…\b(?:parcel|package|delivery|shipment|customs)\b
        |\b(?:paket|sendung|zoll|zustellung)\w*…(?:gebühr|kosten|zurückgehalten|nicht zugestellt|bezahlen|zahlung|
        adresse|neu)
        |\b(?:zollgebühr|versandkosten|liefergebühr)\w*
        |gebühr…(?:paket|sendung)
        |\b(?:paquete|envío|aduana)\w*…(?:tasa|gasto|pag|reteni|pendiente|no se ha podido|dirección)
        |gastos de (?:envío|aduana)
        |\bcolis\b…(?:frais|attente|payer|livr)
        |frais de (?:livraison|douane)
        """,
    ),
    _of(
        Topic.GIFT_CARDS,
        """
        gift card|giftcard|gift-card|itunes|google play|steam card|geschenkkarte|gutscheinkarte|gutschein|
        tarjetas de regalo|tarjeta de regalo|carte cadeau|cartes cadeau|apple card
        """,
        r"""
        \b(?:buy|purchase|get|pick up|need|send|arrange|surprise)\b…\b(?:gift-? ?cards?|itunes|google play|steam|
        apple card)
        |\bgift ?cards?\b…\b(?:codes?|scratch|back of|photo|picture|denomination|reimburse)
        |(?:kauf|besorg|brauch|benötig)\w*…(?:geschenkkarte|gutscheinkarte|gutschein)
        |(?:geschenkkarte|gutscheinkarte|gutschein)\w*…(?:kauf|besorg|codes?|rubbel)
        |(?:compr|necesit|consig)\w*…tarjetas? (?:de )?regalo
        |(?:achet|besoin)\w*…cartes? cadeau
        """,
    ),
    _of(
        Topic.BANK_CHANGE,
        """
        bank|iban|direct deposit|payroll|bankverbindung|kontoverbindung|cuenta bancaria|datos bancarios|
        coordonnées bancaires|
        switched|salary|account|gehalt|nómina
        """,
        r"""
        \b(?:new|changed?|updated?|different|revised)\b…\b(?:bank(?:ing)?|account) (?:account|details|information|
        coordinates|number)
        |\bbank(?:ing)? (?:account|details|information)\b…\b(?:changed?|updated?|new|no longer|audit|replaced)\b
        |\b(?:change|update|switch)\b…\b(?:direct deposit|payroll|salary)
        |\b(?:direct deposit|payroll)\b…\b(?:change|update|new)\b
        |(?:neue|geänderte|aktualisierte|andere)[nrs]? (?:bank|konto)(?:verbindung|daten)
        |(?:bank|konto)verbindung…(?:geändert|gewechselt|neu|aktualisiert)
        |neues? (?:bank)?konto\b
        |(?:nuev|cambi|actualiz)\w*…(?:cuenta bancaria|datos bancarios|cuenta de nómina)
        |(?:cuenta bancaria|datos bancarios)…(?:cambi|nuev|actualiz)
        |(?:nouvel|chang)\w*…(?:coordonnées bancaires|compte bancaire|rib\b)
        |\bswitched banks?\b|\bsalary\b…\b(?:new|different|other) (?:one|bank|account)|\b(?:usual|old|
        former) (?:bank )?account\b…\b(?:review|audit|frozen|closed|longer)
        |\bgehalt\b…(?:neues?|anderes) (?:bank)?konto|\bnómina\b…(?:nueva|otra) cuenta
        """,
    ),
    _of(
        Topic.TRANSFER,
        """
        payment|wire|transfer|invoice|are you available|quick task|favor|favour|überweis|zahlung|rechnung|
        aufgabe|erreichbar|transferencia|pago|factura|disponible|virement|whatsapp|handynummer|errand|
        conference|beneficiary account|desk|mobile|cell
        """,
        r"""
        \b(?:urgent|immediate|outstanding|overdue|same.?day)\b…\b(?:payment|wire|transfer|invoice)\b
        |\b(?:process|make|initiate|send|arrange|execute|handle|settle)\b…\b(?:payment|wire|transfer)\b
        |\bare you (?:available|free|at your desk|in the office|around)\b
        |\bquick (?:task|favou?r|request)\b
        |\b(?:do|run|need) (?:me )?a (?:quick )?favou?r
        |\bsend (?:me )?your (?:personal |cell |mobile |whatsapp )*(?:phone |number)
        |(?:dringend|sofort|heute|eil)\w*…(?:überweis|zahlung)
        |überweis\w*…(?:dringend|sofort|heute|ausland)
        |\b(?:sind sie|bist du)…(?:erreichbar|verfügbar|am platz|im büro)
        |\b(?:kleine|wichtige|dringende) (?:aufgabe|bitte)\b
        |handynummer
        |(?:urgente|inmediat|hoy)\w*…(?:transferencia|pago)
        |(?:transferencia|pago)\b…(?:urgente|inmediat|hoy mismo)
        |\b(?:está|estás) (?:disponible|en la oficina|libre)
        |(?:virement|paiement)\b…urgent
        |\b(?:use|to) the account below|\ban errand\b|\b(?:let me have|drop|give me|send me) your\b…\b(?:mobile|
        cell|phone|number)
        |\bcan only (?:text|e-?mail)\b|\bi need a favou?r\b
        """,
    ),
    _of(
        Topic.EXTORTION,
        """
        webcam|camera|recorded|footage|hacked|malware|trojan|infected|spyware|kamera|gehackt|aufgenommen|
        aufnahme|cámara|grabad|grabé|hackead|caméra|piraté|intimate|compromised|copied|access|zugriff|acceso|
        videos|vídeo|breached
        """,
        r"""
        \b(?:recorded|filmed|footage|videos? of)\b…\b(?:you|webcam|camera|yourself)\b
        |\b(?:webcam|camera)\b…\b(?:recorded|access|turned on|video|control)
        |\bi (?:have |was |'?ve )?(?:hacked|infected|installed|placed|gained|got|obtained)\b…\b(?:your|device|
        system|malware|access|trojan|spyware)
        |\b(?:adult|porn|intimate|explicit)\w*\b…\b(?:site|content|video|material|website)
        |(?:kamera|webcam)\b…(?:aufgenommen|zugriff|gefilmt|aufgezeichnet)
        |(?:gerät|computer|rechner|system|konto)\b…(?:gehackt|infiziert|übernommen)
        |(?:video|aufnahme)\w*…(?:kontakte|freunde|veröffentlich)
        |(?:cámara|webcam)\b…(?:grab|acceso)
        |(?:he )?(?:hackeado|infectado|grabado)\b…(?:su|tu|dispositivo|ordenador)
        |(?:vídeo|video)\w*…(?:contactos|amigos|publicar)
        |(?:caméra|webcam)\b…(?:filmé|enregistr)
        |piraté…(?:votre|appareil|ordinateur)
        |\b(?:system|device|computer|account|network)\b…\b(?:was|been|is) (?:compromised|hacked|breached)|
        \b(?:full|complete) access\b…\b(?:device|files|system|contacts|data|copied)
        |\bcopied\b…\b(?:files|videos|contacts|data)
        """,
    ),
    _of(
        Topic.COINS,
        """
        bitcoin|btc|monero|usdt|ethereum|wallet|bc1|cryptocurren
        """,
        r"""
        \bbc1[a-z0-9]{25,60}\b
        |\b[13][a-km-za-hj-np-z1-9]{25,34}\b
        |\b(?:btc|bitcoin|wallet|usdt|monero)\b…\b(?:address|wallet|adresse|dirección|transfer|send|überweis|envi)
        """,
    ),
    _of(
        Topic.ADVANCE_FEE,
        """
        million|inherit|beneficiary|lottery|compensation|donat|barrister|erbschaft|begünstigt|lotterie|spende|
        herencia|beneficiari|lotería|donación|consignment|atm card|deceased|héritage|unclaimed|winner|prize|won|
        lotto|gewonnen|gewinn|premio|ganador|ganado|kin
        """,
        r"""
        \bnext of kin\b
        |\bunclaimed (?:fund|inherit|deposit|estate)
        |\b(?:inheritance|beneficiary|lottery|consignment|deceased|compensation)\b…\b(?:fund|million|claim|client|
        usd|euros?|winner|sum|payment|box)
        |\b(?:us\$|\$|€|usd|eur|gbp|£)? ?\d[\d.,]{0,15} ?(?:million|millionen|millones)\b…\b(?:dollar|usd|euro|
        pound|fund|donat|spende|inherit|transfer)
        |\b(?:donate|donation|spende|spenden|donación)\b…\b(?:million|millionen|millones|€|\$)
        |erbschaft
        |verstorbene[nr]? (?:kunde|mandant)
        |herencia
        |cliente fallecido
        |premio de (?:la )?lotería
        |lotteriegewinn
        |\byou(?:'ve| have)? won\b…(?:\d|lottery|prize)|\bclaim\b…\bprize\b|\b(?:lottery|prize)\b…\b(?:won|winner|
        claim)
        |\bsie haben…gewonnen\b…(?:euro|€|\d)|\bha ganado\b…(?:euro|€|premio|\d)
        """,
    ),
    _of(
        Topic.REFUND,
        """
        refund|erstattung|steuererstattung|rückerstattung|reembolso|devolución|remboursement|rimborso
        """,
        r"""
        \brefunds?\b…\b(?:claim|form|card|eligible|entitled|account|receive|pending|confirm)
        |\b(?:eligible|entitled)\b…\brefund|\berstattung\b…(?:formular|karte|anspruch|bereit|bestätig)
        |\banspruch\b…erstattung|\b(?:reembolso|devolución)\b…(?:tarjeta|formulario|derecho|pendiente|confirm)
        |\bderecho\b…\b(?:reembolso|devolución)|\bremboursement\b…(?:carte|formulaire|droit)
        """,
    ),
    _of(
        Topic.CALL_BACK,
        """
        cancel|authorise|authorize|authorised|authorized|helpline|stornieren|widerrufen|dispute
        """,
        r"""
        \b(?:cancel|refund|authori[sz]ed?|did not (?:make|place|order)|unauthori[sz]ed)\b…\b(?:call|phone|dial|
        contact)\b…[+(]?\d[\d ()-]{7,17}
        |\b(?:call|dial|phone)\b…[+(]?\d[\d ()-]{7,17}…\b(?:cancel|refund|dispute|immediately)
        |\b(?:stornieren|widerrufen)\b…\b(?:anrufen|rufen sie)\b…\+?\d[\d ()/-]{7,17}
        """,
    ),
    _of(
        Topic.URGENCY,
        """
        urgent|immediate|within |asap|as soon as|final |last |action required|24 h|48 h|hours|today|sofort|umgehend|
        dringend|innerhalb|letzte|stunden|inmediat|último|horas|urgente|immédiat|heures|avoid|vermeiden|evitar|
        deadline|
        tomorrow|morgen|mañana|friday|monday|day|days|otherwise|andernfalls|before
        """,
        r"""
        \burgent(?:ly|e|emente)?\b
        |\bimmediate(?:ly)?\b
        |\basap\b
        |\bas soon as possible\b
        |\bwithin (?:the next )?(?:\d{1,2}|twenty.four|forty.eight) ?h(?:ou)?rs?\b
        |\b(?:final|last) (?:notice|warning|reminder|attempt|chance)\b
        |\baction (?:is )?required\b
        |\bto avoid\b
        |\bor (?:it|your)\b…\b(?:lost|deleted|closed|suspended|returned)
        |\b(?:sofort|umgehend|dringend|unverzüglich)\b
        |\binnerhalb (?:von |der nächsten )?\w{1,15} (?:stunden|tagen)
        |\bletzte (?:mahnung|erinnerung|warnung|aufforderung)
        |\bum …zu vermeiden
        |\binmediat(?:o|a|amente)\b
        |\b(?:en|dentro de) (?:las próximas )?\d{1,2} horas\b
        |\búltimo aviso\b
        |\bpara evitar\b
        |\bimmédiat(?:e|ement)?\b
        |\bsous \d{1,2} ?(?:h|heures)\b
        |\bdernier (?:avis|rappel)
        |\bpour éviter\b
        |\b(?:expires?|before|until|by) (?:tomorrow|today|tonight|midnight|monday|friday|end of (?:the )?day)\b|
        \bin (?:1|one) day\b
        |\byou have \d{1,2} (?:hours|days)\b|\bbis (?:morgen|heute)\b|\bandernfalls\b|
        \bfailure to\b…\bresult in\b|\bantes de mañana\b
        """,
    ),
    _of(
        Topic.SECRECY,
        """
        confidential|discre|between us|between you and me|meeting|conference|surprise|vertraulich|diskret|
        besprechung|sitzung|unter uns|confidencial|reunión|entre nosotros|confidentiel|réunion
        """,
        r"""
        \b(?:keep|treat|remain)\b…\b(?:confidential|between us|discre\w+|private)
        |\bbetween you and me\b
        |\b(?:i'?m|i am|currently|stuck) (?:currently |now )?in (?:a |an )?(?:\w{1,12} )?(?:meeting|conference)
        |\bcan'?t (?:talk|take calls?|be reached)\b
        |\bno calls?\b
        |\bonly (?:by|via|reply by) e-?mail\b
        |(?:streng |absolut )?vertraulich
        |\bunter uns\b
        |\bdiskret
        |\bin (?:einer|einem) (?:besprechung|meeting|sitzung|termin)\b
        |\bnicht telefonieren
        |\bnur per (?:e-?)?mail
        |\bconfidencial
        |\bentre nosotros\b
        |\ben una reunión\b
        |\bno puedo (?:hablar|atender)
        |\bsolo por correo
        |\bconfidentiel
        |\ben réunion\b
        """,
    ),
    _of(
        Topic.QR,
        """
        qr
        """,
        r"""
        \b(?:scan|scanne\w*|escane\w*|scannez|camera|kamera|cámara|phone|smartphone|handy|móvil)\b…\bqr\b
        |\bqr[- ]?(?:code|kód)?\b…\b(?:scan|below|phone|smartphone|handy|móvil|escane)
        |código qr
        """,
    ),
)

_INSIDE = (
    "gebühr",
    "verbindung",
    "gutschein",
    "geschenkkarte",
    "überweis",
    "zustell",
    "bc1",
    "postfach",
    "konto",
    "passwort",
)
"""Looked for within words too: German joins them."""
_ENDINGS = (
    "",
    "s",
    "es",
    "e",
    "en",
    "er",
    "ed",
    "ing",
    "n",
    "d",
    "a",
    "o",
    "t",
    "ly",
    "ion",
    "er",
    "os",
    "as",
    "da",
    "do",
    "ée",
)
_NO_WORD = " .,;:!?()\"'[]<>*_-/|#"
_SIGNS = bytes(32 if chr(octet) in _NO_WORD else octet for octet in range(256))
_BEFORE, _AFTER, _MOST_WINDOWS = 90, 110, 3


def _triggers() -> dict[str, tuple[Phrases, ...]]:
    """The longest word of each stem, with its usual endings, and the topics to look closer for."""
    found: dict[str, tuple[Phrases, ...]] = {}
    for phrases in TOPICS:
        for stem in phrases.stems:
            word = max(stem.replace("-", " ").split(), key=len)
            for ending in _ENDINGS:
                found[word + ending] = (*found.get(word + ending, ()), phrases)
    return {word: tuple(dict.fromkeys(topics)) for word, topics in found.items()}


_TRIGGERS = _triggers()
TRIGGER_WORDS = frozenset(word.encode() for word in _TRIGGERS)
"""Without one of these words, and none of `_INSIDE`, there is no topic."""
_INSIDE_TOPICS = {
    part: tuple(phrases for phrases in TOPICS if any(part in stem or stem in part for stem in phrases.stems)) or TOPICS
    for part in _INSIDE
}


_TOPICS_OF = {**_TRIGGERS, **_INSIDE_TOPICS}
_PRESSURE = frozenset((Topic.URGENCY, Topic.SECRECY))
_NOTHING: frozenset[Topic] = frozenset()


def _only(topics: frozenset[Topic]) -> dict[str, tuple[Phrases, ...]]:
    return {word: tuple(one for one in every if one.topic in topics) for word, every in _TOPICS_OF.items()}


_PRESSURE_OF = _only(_PRESSURE)
_DEMANDS_OF = _only(frozenset(Topic) - _PRESSURE)
_DEMANDS_WITHOUT_LINKS = _only(frozenset(Topic) - _PRESSURE - {Topic.DOCUMENT})


def lowered(subject: str, text: str) -> tuple[str, list[bytes]]:
    """What is looked at, in lower case, and its words."""
    low = f"{subject}. {text[:MOST_TEXT]}".lower()
    return low, _words(low)


def topics(subject: str, text: str, *, has_links: bool = True) -> frozenset[Topic]:
    """What the letter speaks of. Patterns are tried around words that call for them, which most letters do not have.

    Pressure counts only where there is a demand, a document only where there is a link to it.
    """
    return topics_of(*lowered(subject, text), has_links=has_links)


def topics_of(low: str, known: Iterable[bytes], *, has_links: bool = True) -> frozenset[Topic]:
    """The same, of what was taken apart before; of the words, those that are known suffice."""
    words = [octets.decode() for octets in TRIGGER_WORDS.intersection(known)]
    words += filter(low.__contains__, _INSIDE)
    if not words:
        return _NOTHING
    found: set[Topic] = set()
    demands = _DEMANDS_OF if has_links else _DEMANDS_WITHOUT_LINKS
    for word in words:
        if candidates := demands[word]:
            _look_closer(low, word, candidates, found)
    if not found:
        return _NOTHING
    for word in words:
        if candidates := _PRESSURE_OF[word]:
            _look_closer(low, word, candidates, found)
    return frozenset(found)


def _words(low: str) -> list[bytes]:
    """The words as octets: these are translated ten times faster than characters."""
    return low.encode("utf-8", "replace").translate(_SIGNS).split()


def _look_closer(low: str, word: str, candidates: tuple[Phrases, ...], found: set[Topic]) -> None:
    wanted = [phrases for phrases in candidates if phrases.topic not in found] if found else [*candidates]
    at = low.find(word)
    for _ in range(_MOST_WINDOWS):
        if at < 0 or not wanted:
            return
        window = low[max(0, at - _BEFORE) : at + _AFTER]
        for phrases in wanted:
            if phrases.pattern.search(window):
                found.add(phrases.topic)
        wanted = [phrases for phrases in wanted if phrases.topic not in found] if found else wanted
        at = low.find(word, at + _AFTER)
