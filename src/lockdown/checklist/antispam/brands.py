"""Whose name is borrowed most: services that half the world has an account with, and where they really write from.

Only the name in front of an address is held against the address itself; a list of brands ages, so it carries little
weight alone. A name's own domains are told by their first label: `paypal.com`, `paypal.de`.
"""

from __future__ import annotations

import re
from functools import lru_cache

from lockdown.mime.domains import organisational
from lockdown.mime.lookalike import latin, skeleton

_BRANDS = """
microsoft: microsoft microsoftonline office office365 outlook live hotmail msn azure sharepoint onmicrosoft
microsoft 365: microsoft microsoftonline office office365 outlook sharepointonline onmicrosoft
office 365: microsoft microsoftonline office office365 outlook sharepointonline onmicrosoft
office365: microsoft microsoftonline office office365 outlook sharepointonline onmicrosoft
sharepoint: microsoft sharepoint sharepointonline microsoftonline onmicrosoft
onedrive: microsoft onedrive live sharepointonline
google: google googlemail gmail youtube
icloud: apple icloud me
apple id: apple icloud
paypal: paypal
amazon: amazon amazonses amazonaws
netflix: netflix
spotify: spotify
facebook: facebook facebookmail meta
instagram: instagram facebookmail
whatsapp: whatsapp
linkedin: linkedin
dropbox: dropbox dropboxmail
docusign: docusign
adobe sign: adobe adobesign echosign
wetransfer: wetransfer
zoom: zoom
adobe: adobe adobesign echosign
mcafee: mcafee
geek squad: geeksquad bestbuy
best buy: bestbuy
temu: temu
lidl: lidl
aldi: aldi aldi-sued aldi-nord
costco: costco
walmart: walmart
mercadona: mercadona
decathlon: decathlon
rewe: rewe
ikea: ikea
telegram: telegram
tiktok: tiktok
disney: disney disneyplus
airbnb: airbnb
klarna: klarna
revolut: revolut
n26: n26
trust wallet: trustwallet
impots: gouv impots
ameli: ameli
colissimo: laposte colissimo
mondial relay: mondialrelay
poste italiane: poste posteitaliane
intesa sanpaolo: intesasanpaolo
unicredit: unicredit
credit agricole: credit-agricole
bnp paribas: bnpparibas
societe generale: societegenerale
pko: pkobp ipko
mbank: mbank
postnl: postnl
rabobank: rabobank
abn amro: abnamro
digid: digid
belastingdienst: belastingdienst
itau: itau
bradesco: bradesco
nubank: nubank
mercado livre: mercadolivre mercadolibre
rakuten: rakuten
aeat: agenciatributaria
dhl: dhl deutschepost
ups: ups
fedex: fedex
usps: usps
hermes: hermes myhermes hermesworld evri
gls: gls-group gls
dpd: dpd
royal mail: royalmail
deutsche post: deutschepost dhl post
correos: correos
la poste: laposte
chronopost: chronopost
sparkasse: sparkasse
volksbank: volksbank vr
commerzbank: commerzbank
deutsche bank: deutsche-bank db
postbank: postbank
ing diba: ing
hsbc: hsbc
barclays: barclays
santander: santander gruposantander
bbva: bbva
caixabank: caixabank
wells fargo: wellsfargo
bank of america: bankofamerica bofa
citibank: citi citibank
chase: chase
american express: americanexpress aexp
mastercard: mastercard
hmrc: hmrc gov
irs: irs
finanzamt: elster bund
elster: elster
agencia tributaria: agenciatributaria
coinbase: coinbase
binance: binance
metamask: metamask
ledger: ledger
trezor: trezor
telekom: telekom t-online t-mobile
vodafone: vodafone
ionos: ionos 1und1
godaddy: godaddy
webmail:
cpanel: cpanel
zimbra: zimbra
roundcube: roundcube
"""
"""A name as it is written, and the first labels of its own domains."""
_OWN = {name: frozenset(own.split()) for name, _, own in (line.partition(":") for line in _BRANDS.split("\n") if line)}
_NAMED = re.compile(r"(?<![\w@.-])(" + "|".join(sorted(map(re.escape, _OWN), key=len, reverse=True)) + r")(?![\w@-])")
_LONG = {
    skeleton(name.replace(" ", "")): name
    for name in _OWN
    if len(name) >= 6 and name not in ("webmail", "ledger", "hermes")
}


@lru_cache(maxsize=2048)
def borrowed(name: str, domain: str) -> str:
    """The brand that a display name claims though the address is not of it; "" for none."""
    found = _NAMED.search(latin(name))
    return found[1] if found and not is_of(domain, found[1]) else ""


@lru_cache(maxsize=8192)
def within(domain: str) -> str:
    """The brand whose name stands in a domain that is not of it (`paypal-service.example`); "" for none."""
    look = skeleton(domain).replace("-", "")
    for name, brand in _LONG.items():
        if name in look and not is_of(domain, brand):
            return brand
    return ""


def single_names() -> list[str]:
    """Names of one word."""
    return [name for name in _OWN if name.isalnum()]


def is_of(domain: str, brand: str) -> bool:
    """Whether a domain is one of the brand's own."""
    return organisational(domain).partition(".")[0] in _OWN.get(brand, (brand,))
