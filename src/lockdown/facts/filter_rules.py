"""One rule of a packet filter: whom may it let in, where does it lead, does it stop everyone?

Nothing is narrow but what is known to be: a rule that accepts, whose condition is not understood, lets everyone in.
Never raises: what cannot be read is wide.
"""

from __future__ import annotations

import ipaddress
import re
import shlex
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """`accepts` and `returns`: for everyone, as far as is known; `stops`: everyone, surely; `always`: no condition."""

    line: int
    text: str
    accepts: bool = False
    returns: bool = False
    stops: bool = False
    always: bool = False
    leads: tuple[str, ...] = ()
    goes: bool = False
    """Whether it leads by goto, so that what follows it is not met again."""


_ICMP = frozenset(("icmp", "icmpv6", "ipv6-icmp", "igmp", "esp", "ah", "vrrp", "1", "2", "50", "51", "58", "112"))
_LOOPBACK = frozenset(("lo",))
_KNOWN = frozenset(("established", "related", "invalid"))
_BRIDGES = r"docker\d*|br-[0-9a-f]{12}|podman\d*|cni-?podman\d*|virbr\d+|lxdbr\d+|lxcbr\d+"
_INSIDE = re.compile(rf"(?:lo|wg\d+|tailscale\d+|{_BRIDGES})\Z")
"""Cables on which no stranger is: loopback, private tunnels, bridges of this machine's own containers."""


def _is_some(value: str) -> bool:
    """Whether it is an address or a network that is far from everyone."""
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        return False
    if isinstance(network, ipaddress.IPv4Network):
        return network.prefixlen >= 8
    return network.prefixlen >= 16 or network.is_link_local or (network.is_private and network.prefixlen >= 7)


# ── nft ──

_OPERATORS = frozenset(("ne", "eq", "lt", "gt", "le", "ge", "not", "and", "or", "xor"))


def _is_port(value: str) -> bool:
    return bool(re.fullmatch(r"\d{1,5}|[a-z]\w*", value)) and value not in _OPERATORS


def _is_tunnel(value: str) -> bool:
    return bool(_INSIDE.match(value))


_CONDITIONS = (
    (re.compile(r"\b(?:tcp|udp|th|sctp|dccp|udplite) dport (?P<value>\{.*?\}|\S+)"), _is_port),
    (re.compile(r"\b(?:ip6?|ct original ip6?|ct original) saddr (?P<value>\{.*?\}|\S+)"), _is_some),
    (re.compile(r"\bct state (?P<value>\{.*?\}|\S+)"), _KNOWN.__contains__),
    (re.compile(r"\bct status (?P<value>\S+)"), frozenset(("dnat",)).__contains__),
    (re.compile(r"\biif(?:name)? (?P<value>\{.*?\}|\S+)"), _is_tunnel),
    (re.compile(r"\boif(?:name)? (?P<value>\{.*?\}|\S+)"), _LOOPBACK.__contains__),
    (re.compile(r"\b(?:l4proto|nexthdr|ip protocol) (?P<value>\{.*?\}|\S+)"), _ICMP.__contains__),
    (re.compile(r"\bicmp(?:v6)? (?P<value>type|code)\b"), frozenset(("type", "code")).__contains__),
)
_OF_ELEMENT = re.compile(r" (?:counter|timeout|expires|comment|limit)\b.*")


def _elements(value: str) -> list[str]:
    inner = value.strip("{} ") if value.startswith("{") else value
    return [_OF_ELEMENT.sub("", one.strip()) for one in inner.split(",") if one.strip()]


def _is_narrow(condition: str) -> bool:
    """Whether one part of the condition is known to hold strangers off; all parts must hold for the rule to."""
    for pattern, is_narrow in _CONDITIONS:
        for found in pattern.finditer(condition):
            rest = condition[found.end() :].lstrip()
            is_whole = not rest.startswith((".", "|", "&", "^", "<", ">", "-", "/"))
            joined = condition[: found.start()].rstrip().endswith((".", "fib"))
            values = _elements(found["value"])
            if is_whole and not joined and values and all(is_narrow(one) for one in values):
                return True
    return False


_LOG = r'log(?: (?:prefix|level|flags|group|snaplen|queue-threshold) (?:"[^"]*"|[\w,]+|tcp \w+(?:,\w+)*))*(?= |$)'
_SIDE = re.compile(
    rf'(?:{_LOG}|counter packets \d+ bytes \d+|counter name \S+|counter(?= |$)|comment "[^"]*"|(?:meta )?nftrace set 1)'
)
_STOPS = re.compile(r"(?:drop|reject(?: with icmpx(?: type)? [\w-]+)?)\Z")
_STOPS_IN = {
    "ip": re.compile(r"reject with icmp(?: type)? [\w-]+\Z"),
    "ip6": re.compile(r"reject with icmpv6(?: type)? [\w-]+\Z"),
}
_LEADS = re.compile(r"\b(jump|goto) ([\w.-]+|\{)")
_MAP = re.compile(r"(?P<key>\S.*?) vmap (?P<map>\{.*\}|\S+)")
_WIDE = re.compile(r"\b(?:accept|queue)\b|xt target|\bunshown\b")


def rule_of_nft(line: int, text: str, family: str) -> Rule:
    """A rule with its sets filled in; `family` is whose packets are looked at: `ip` or `ip6`."""
    plain = " ".join(_SIDE.sub(" ", _tight(text)).split())
    if _STOPS.match(plain) or _STOPS_IN[family].match(plain):
        return Rule(line, text, stops=True, always=True)
    if found := _MAP.search(plain):
        return _by_map(line, text, plain[: found.start()] + found["key"], found["map"])
    leads = tuple(name for _, name in _LEADS.findall(plain))
    if leads:
        goes = bool(re.search(r"\bgoto\b", plain))
        return Rule(line, text, leads=leads, goes=goes, always=bool(re.fullmatch(r"(?:jump|goto) \S+", plain)))
    narrow = _is_narrow(plain)
    return Rule(
        line,
        text,
        accepts=bool(_WIDE.search(plain)) and not narrow,
        returns=bool(re.search(r"\breturn\b", plain)) and not narrow,
    )


def _tight(text: str) -> str:
    """One way to write lists and ranges; words of comments and prefixes are gone already."""
    text = re.sub(r"\s*,\s*", ",", text)
    return re.sub(r"(?<=[\da-f:]) - (?=[\da-f:])", "-", " ".join(text.split()))


def _by_map(line: int, text: str, key: str, values: str) -> Rule:
    accepts = returns = goes = not values.startswith("{")
    leads: list[str] = []
    for element in values.strip("{} ").split(","):
        value, _, verdict = element.strip().rpartition(" : ")
        words = verdict.split()
        if not words or words[0] not in ("accept", "drop", "return", "continue", "jump", "goto"):
            accepts = True
        elif words[0] in ("jump", "goto"):
            leads += words[1:2]
            goes |= words[0] == "goto"
        elif words[0] in ("accept", "return") and not _is_narrow(f"{key} {_OF_ELEMENT.sub('', value.strip())}"):
            accepts |= words[0] == "accept"
            returns |= words[0] == "return"
    return Rule(line, text, accepts=accepts, returns=returns, leads=tuple(leads), goes=goes)


# ── iptables ──

_HARMLESS = frozenset(
    (
        "LOG", "NFLOG", "ULOG", "MARK", "CONNMARK", "CONNSECMARK", "SECMARK", "TCPMSS", "CLASSIFY", "AUDIT", "TRACE",
        "SET", "DSCP", "TOS", "TTL", "CHECKSUM",
    )
)  # fmt: skip
_ENDS = frozenset(("DROP", "REJECT"))
_OPTIONS = {
    "--dport": str.isdecimal, "--destination-port": str.isdecimal, "--dports": str.isdecimal,
    "--destination-ports": str.isdecimal, "-s": _is_some, "--source": _is_some, "--src": _is_some,
    "-i": _is_tunnel, "--in-interface": _is_tunnel,
    "-o": _LOOPBACK.__contains__, "--out-interface": _LOOPBACK.__contains__,
    "-p": _ICMP.__contains__, "--protocol": _ICMP.__contains__,
    "--ctstate": lambda value: value.lower() in {*_KNOWN, "dnat"},
    "--state": lambda value: value.lower() in _KNOWN,
}  # fmt: skip
_SIDE_OPTIONS = frozenset(("--comment", "--reject-with", "--log-prefix", "--log-level"))


def rule_of_iptables(line: int, text: str) -> Rule:
    """What follows `-A CHAIN`."""
    try:
        words = shlex.split(text)
    except ValueError:
        return Rule(line, text, accepts=True, returns=True)
    narrow = conditional = False
    target, goes, negated = "", False, False
    at = 0
    while at < len(words):
        word, value = words[at], words[at + 1] if at + 1 < len(words) else ""
        if word == "!":
            negated, at = True, at + 1
            continue
        if word in ("-j", "--jump", "-g", "--goto"):
            target, goes = value, word in ("-g", "--goto")
        elif word in _OPTIONS:
            conditional = True
            narrow |= not negated and bool(value) and all(map(_OPTIONS[word], value.split(",")))
        elif word in ("-m", "--match"):
            conditional |= value != "comment"
        elif word not in _SIDE_OPTIONS and word.startswith("-"):
            conditional = True
            if value.startswith("-") or value == "!":
                negated, at = False, at + 1
                continue
        elif not word.startswith("-"):
            conditional, negated, at = True, False, at + 1
            continue
        negated, at = False, at + 2
    return _targeted(line, text, target, goes, narrow, always=not conditional)


def _targeted(line: int, text: str, target: str, goes: bool, narrow: bool, *, always: bool) -> Rule:
    if target in _ENDS:
        return Rule(line, text, stops=always, always=always)
    if not target or target in _HARMLESS:
        return Rule(line, text)
    if target in ("ACCEPT", "NFQUEUE", "QUEUE"):
        return Rule(line, text, accepts=not narrow)
    if target == "RETURN":
        return Rule(line, text, returns=not narrow)
    return Rule(line, text, leads=(target,), goes=goes, always=always)
