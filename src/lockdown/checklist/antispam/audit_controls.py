"""The controls of item 2 that an audit judges: that spam is weighed everywhere, and that your own name is protected."""

from __future__ import annotations

from lockdown.model.finding import Control, Severity

FILTER_IN_EVERY_PATH = Control(
    id="antispam.filter-in-every-path",
    title="A spam filter stands in every path by which mail comes in",
    severity=Severity.HIGH,
    why="Spammers try every address and port: one without a filter is the one that they use.",
    fix="let that service listen for the gateway alone (127.0.0.1:25 in its line of master.cf, then postfix reload), "
    "or put a filter into its smtpd_milters",
    evidence="antispam.engines; smtpd_milters, smtpd_proxy_filter and content_filter by service",
    references=("https://www.postfix.org/postconf.5.html#smtpd_milters",),
    maps=("DISA STIG V-19546",),
)
GATEWAY_WEIGHS = Control(
    id="antispam.gateway-weighs",
    title="The gateway weighs mail, and acts on what it finds",
    severity=Severity.HIGH,
    why="A filter that marks everything and stops nothing leaves the sorting to your people.",
    fix='write antispam.engines = ["builtin", "rspamd://127.0.0.1:11333"] in lockdown.toml',
    evidence="antispam.engines, antispam.dmarc, antispam.forged, antispam.hold, antispam.refuse",
)
ENGINES_ANSWER = Control(
    id="antispam.engines-answer",
    title="Every antispam engine answers, and knows the test spam",
    severity=Severity.MEDIUM,
    why="An engine that is down lets spam through with a mark at best.",
    fix="lockdown doctor     (says which engine is down, and why)",
    evidence="each engine of antispam.engines, asked for its version, the test spam (GTUBE) and a plain letter",
    side_effects="a test spam and a letter of one line are given to each engine",
)
FAILS_AS_STATED = Control(
    id="antispam.fails-as-stated",
    title="A filter that is down or late does not pass for one that has found nothing",
    severity=Severity.MEDIUM,
    why="A filter that answers nothing and a filter that answers 'no spam' look alike in the mailbox.",
    fix="write soft_reject_on_timeout = true; in /etc/rspamd/local.d/options.inc, then systemctl restart rspamd",
    evidence="antispam.unavailable; milter_default_action; soft_reject_on_timeout of rspamd",
    side_effects="mail is put off while the filter is overloaded",
)
ALLOW_NARROW = Control(
    id="antispam.allow-lists-narrow",
    title="Allow-lists name single senders, not whole providers",
    severity=Severity.MEDIUM,
    why="Everybody can have an address at a free provider; an allow-list for it is an allow-list for spam.",
    fix="name single addresses in antispam.allow in lockdown.toml",
    evidence="antispam.allow; permitting entries for domains in the access tables of Postfix",
)
BLOCKLISTS_WORK = Control(
    id="antispam.blocklists-work",
    title="Blocklists answer, and list what they must",
    severity=Severity.MEDIUM,
    why="A list that refuses you lists nobody; one that has died may list everybody.",
    fix="take the list out of antispam.blocklists in lockdown.toml, or ask it through a resolver of your own",
    evidence="the test entries of each list in antispam.blocklists (RFC 5782 section 5), and a name that nobody has",
    references=("RFC 5782 5",),
)
OWN_RESOLVER = Control(
    id="antispam.own-resolver",
    title="DNS is asked through a resolver of your own",
    severity=Severity.LOW,
    why="Blocklists refuse the large public resolvers, and a forger of answers there decides on SPF and DKIM here.",
    fix='apt-get install unbound, then write antispam.resolvers = ["127.0.0.1"] in lockdown.toml',
    evidence="antispam.resolvers; the name servers of /etc/resolv.conf",
)
RULES_FRESH = Control(
    id="antispam.rules-fresh",
    title="The rules of SpamAssassin are fresh",
    severity=Severity.MEDIUM,
    why="Spam changes every week; last year's rules find last year's spam.",
    fix="systemctl enable --now spamassassin-maintenance.timer     (or: sa-update)",
    evidence="the date of the rules in /var/lib/spamassassin",
)
NO_BACKSCATTER = Control(
    id="antispam.no-backscatter",
    title="Spam is refused or held, never answered with a bounce",
    severity=Severity.HIGH,
    why="The sender of spam is forged: each bounce hits an innocent, and puts your server on blocklists.",
    fix="write $final_spam_destiny = D_DISCARD; in /etc/amavis/conf.d/50-user, or filter before the queue",
    evidence="the way in which each filter of Postfix gets its mail; the destinies of amavis",
    references=("https://www.postfix.org/BACKSCATTER_README.html",),
)
OWN_SPF = Control(
    id="antispam.own-spf",
    title="Your domains say which servers send for them (SPF)",
    severity=Severity.HIGH,
    why="Without it anybody sends as you; with a broken record your own mail is refused.",
    fix='publish one TXT record at the domain, like "v=spf1 mx -all"',
    evidence="the TXT records of site.domains, and of all that they include",
    references=("RFC 7208", "RFC 7208 4.6.4"),
    maps=("BSI TR-03182",),
)
OWN_DKIM = Control(
    id="antispam.own-dkim",
    title="The keys that sign your mail are published, and strong (DKIM)",
    severity=Severity.MEDIUM,
    why="A signature without its key, or with a weak one, vouches for nothing.",
    fix="rspamadm dkim_keygen -b 2048 -s SELECTOR -d DOMAIN     (and publish what it prints)",
    evidence="the selectors in the settings of rspamd and OpenDKIM, and their TXT records",
    references=("RFC 6376 3.6.1", "RFC 8301 3.2"),
    maps=("BSI TR-03182",),
)
OWN_DMARC = Control(
    id="antispam.own-dmarc",
    title="Your domains ask that forgeries be refused (DMARC)",
    severity=Severity.HIGH,
    why="SPF and DKIM alone protect names that no reader sees; DMARC protects the one in From.",
    fix='publish TXT at _dmarc.DOMAIN: "v=DMARC1; p=quarantine; rua=mailto:dmarc@DOMAIN", and p=reject later',
    evidence="the TXT record at _dmarc of each of site.domains, or of the domain above",
    references=("RFC 9989",),
    maps=("BSI TR-03182",),
)
REVERSE_NAMES = Control(
    id="antispam.own-reverse-names",
    title="Your sending addresses have a name that leads back to them",
    severity=Severity.MEDIUM,
    why="Large receivers refuse mail from an address without a name, or with one of a dial-up pool.",
    fix="ask your provider for a PTR record that names this server, and give that name an A or AAAA record",
    evidence="the PTR records of this machine's public addresses, and the addresses of those names",
    references=("RFC 1912 2.1",),
)
OWN_MTA_STS = Control(
    id="antispam.own-mta-sts",
    title="Others are told to send to you over TLS only (MTA-STS)",
    severity=Severity.LOW,
    why="Without it, whoever stands in between can strip TLS off the mail that is sent to you.",
    fix="publish a policy at https://mta-sts.DOMAIN/.well-known/mta-sts.txt, then TXT at _mta-sts.DOMAIN",
    evidence="the TXT record at _mta-sts of each of site.domains; the policy itself is not fetched",
    references=("RFC 8461",),
)
OWN_TLS_REPORTS = Control(
    id="antispam.own-tls-reports",
    title="Others report to you where TLS has failed (TLS-RPT)",
    severity=Severity.LOW,
    why="Mail that could not be sent to you over TLS is otherwise known to its sender alone.",
    fix='publish TXT at _smtp._tls.DOMAIN: "v=TLSRPTv1; rua=mailto:tls-reports@DOMAIN"',
    evidence="the TXT record at _smtp._tls of each of site.domains",
    references=("RFC 8460",),
)

IDENTITY = (OWN_SPF, OWN_DKIM, OWN_DMARC, REVERSE_NAMES, OWN_MTA_STS, OWN_TLS_REPORTS)
AUDITED = (
    FILTER_IN_EVERY_PATH,
    GATEWAY_WEIGHS,
    ENGINES_ANSWER,
    FAILS_AS_STATED,
    ALLOW_NARROW,
    BLOCKLISTS_WORK,
    OWN_RESOLVER,
    RULES_FRESH,
    NO_BACKSCATTER,
    *IDENTITY,
)
