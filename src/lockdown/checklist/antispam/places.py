"""Places on the Internet that anybody can have for the asking: mailboxes, short links, pages, cheap names.

Lists age: each entry only adds a little weight, and only where more comes with it.
"""

from __future__ import annotations


def named(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


FREE_MAIL = named(
    """
    gmail.com googlemail.com outlook.com hotmail.com live.com msn.com yahoo.com yahoo.de yahoo.es yahoo.fr
    yahoo.co.uk ymail.com rocketmail.com aol.com gmx.de gmx.net gmx.com gmx.at web.de mail.com mail.ru
    yandex.ru yandex.com bk.ru inbox.ru list.ru icloud.com me.com mac.com proton.me protonmail.com
    tutanota.com tuta.io zoho.com qq.com 163.com 126.com naver.com daum.net libero.it virgilio.it orange.fr
    laposte.net free.fr wanadoo.fr t-online.de freenet.de terra.com.br uol.com.br bol.com.br seznam.cz wp.pl
    o2.pl onet.pl interia.pl rediffmail.com hushmail.com
    """
)
"""Mailboxes for everybody."""
SHORTENERS = named(
    """
    bit.ly tinyurl.com t.co goo.gl ow.ly is.gd buff.ly rebrand.ly cutt.ly rb.gy shorturl.at t.ly tiny.cc
    s.id v.gd lnkd.in bl.ink short.io qrco.de urlz.fr n9.cl u.to clck.ru lihi.cc shorturl.asia soo.gd x.co
    """
)
"""A link there says nothing about where it leads."""
FREE_HOSTS = named(
    """
    forms.gle docs.google.com sites.google.com storage.googleapis.com firebaseapp.com web.app weebly.com
    weeblysite.com wixsite.com wixstudio.com github.io gitlab.io pages.dev workers.dev r2.dev blogspot.com
    glitch.me netlify.app vercel.app herokuapp.com typeform.com jotform.com formstack.com forms.office.com
    forms.app 000webhostapp.com webflow.io square.site carrd.co godaddysites.com mystrikingly.com
    azurewebsites.net blob.core.windows.net cloudfront.net ipfs.io dweb.link repl.co replit.app onrender.com
    ngrok.io ngrok-free.app trycloudflare.com duckdns.org ddns.net hopto.org backblazeb2.com translate.goog
    notion.site canva.site surge.sh
    """
)
"""Pages for everybody, there or below."""
CHEAP_ENDINGS = named(
    """
    top xyz icu click buzz rest zip mov cam gq cf tk ml ga work cyou sbs bond quest monster lol beauty hair
    cfd
    """
)
"""Top-level domains whose names cost next to nothing, and are thrown away."""
