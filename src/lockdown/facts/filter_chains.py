"""Chains of a packet filter, from the text of nft or of iptables-save; and whether whoever comes to one is stopped.

Jumps are followed. What is not followed (an included file, a chain that is not there, a table changed afterwards) is
kept as a doubt, and never makes a chain closed. Never raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from lockdown.facts.filter_rules import Rule, rule_of_iptables, rule_of_nft

FAMILIES = ("ip", "ip6")
MOST_STEPS = 20_000
LONGEST_RULE = 200_000
HOOKS = ("input", "forward", "output")


@dataclass(slots=True)
class Chain:
    """A chain as it is written; `hook` is empty where it is only jumped to."""

    line: int
    text: str
    hook: str = ""
    drops: bool = False
    rules: list[tuple[int, str]] = field(default_factory=list)


@dataclass(slots=True)
class Table:
    """The chains of one table, and its sets and maps as `{ … }`."""

    families: tuple[str, ...]
    chains: dict[str, Chain] = field(default_factory=dict)
    sets: dict[str, str] = field(default_factory=dict)
    sleeps: bool = False


@dataclass(slots=True)
class Written:
    """Every table of a text; `is_known` tells whether anything in it was understood."""

    tables: dict[tuple[str, str], Table] = field(default_factory=dict)
    doubts: list[tuple[int, str]] = field(default_factory=list)
    is_known: bool = False
    defined: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Walked:
    """Where everyone ends who comes to a chain."""

    accepts: Rule | None
    stops: bool
    place: Rule | None = None


Rules = Mapping[str, list[Rule]]


def walk(chains: Rules, name: str, *, is_base: bool, drops: bool) -> Walked:
    """Follow a chain: the first rule that may let everyone in, and whether whoever is left is stopped."""
    return _Walk(chains).chain(name, is_base=is_base, drops=drops)


class _Walk:
    def __init__(self, chains: Rules) -> None:
        self.chains, self.steps, self.above = chains, 0, [""]

    def chain(self, name: str, *, is_base: bool = False, drops: bool = False) -> Walked:
        if name not in self.chains or name in self.above or len(self.above) > 20:
            return Walked(Rule(0, f"{name} is not followed", accepts=True), stops=False)
        self.above.append(name)
        returned: Rule | None = None
        found = Walked(None, stops=drops)
        for rule in self.chains[name]:
            self.steps += 1
            accepts, stops, leaves = self.steps > MOST_STEPS or rule.accepts, rule.stops, rule.returns
            for there in [self.chain(one) for one in rule.leads if not accepts]:
                accepts |= there.accepts is not None
                stops |= there.stops and rule.always
                leaves |= rule.goes and not there.stops
            if accepts:
                found = Walked(rule, stops=False)
                break
            returned = returned or (rule if leaves else None)
            if stops:
                found = Walked(None, stops=True, place=rule)
                break
        self.above.pop()
        # To return from a base chain is to be judged by its policy; from another, by what follows the jump.
        if returned and found.accepts is None and not drops:
            return Walked(returned if is_base else None, stops=False)
        return found


# ── nft ──

_TABLE = re.compile(r"(?:(?:add|create) )?table (?:(ip6|ip|inet|arp|bridge|netdev) )?(\S+)\Z")
_BLOCK = re.compile(r"(?:(?:add|create) )?(table|chain|set|map|flowtable|counter|quota|limit|secmark|synproxy|ct) ")
_OWNED = re.compile(r"(?:(?:add|create) )?(chain|set|map) (?:(?:(ip6|ip|inet|arp|bridge|netdev) )?(\S+) )?(\S+)\Z")
_RULE = re.compile(
    r"(add|insert) rule (?:(ip6|ip|inet|arp|bridge|netdev) )?(\S+) (\S+) (?:(?:position|index) \d+ )?(.+)"
)
_HOOK = re.compile(r"type (?:filter|route) hook (input|forward|output)\b")
_OF_FAMILY = {"inet": FAMILIES, "ip": ("ip",), "ip6": ("ip6",)}


def _clean(line: str, *, is_live: bool) -> str:
    """Without comments, and with nothing in quotes that could be taken for a rule."""

    def plain(found: re.Match[str]) -> str:
        if found[0].startswith("#"):
            # What the kernel has but nft cannot say stands behind such a sign.
            return f" unshown {found[0][1:]}" if is_live and line[: found.start()].strip() else ""
        is_said = re.search(r"(?:comment|prefix)\s*\Z", line[: found.start()])
        return ' "" ' if is_said else re.sub(r"[^\w.*:@-]", "_", found[0].strip('"')) or "_"

    return re.sub(r'"[^"]*"|#.*', plain, line)


def _statements(text: str, *, is_live: bool) -> Iterator[tuple[int, str]]:
    """Each statement with its line: a block's head with `{` at its end, `}` for its end, or a rule over many lines."""
    now, start, inner = "", 0, 0
    blocks: list[str] = []
    for number, raw in enumerate(text.splitlines(), start=1):
        for part in re.split(r"([{};])", _clean(raw.removesuffix("\\"), is_live=is_live)):
            start = start if now.strip() else number
            head = _BLOCK.match(" ".join(now.split()) + " ")
            if part == "{" and not inner and head and (not blocks or blocks[-1] == "table"):
                blocks.append(head[1])
                yield start, " ".join(now.split()) + " {"
                now = ""
            elif part == "}" and not inner:
                if now.strip():
                    yield start, " ".join(now.split())
                blocks[-1:] = []
                yield number, "}"
                now = ""
            elif part == ";" and not inner:
                if now.strip():
                    yield start, " ".join(now.split())
                now = ""
            else:
                inner += (part == "{") - (part == "}")
                now += f" {part} " if part in ("{", "}") else part
        if inner or raw.endswith("\\"):
            now += " "
        elif now.strip():
            yield start, " ".join(now.split())
            now = ""
    if now.strip():
        yield start, " ".join(now.split())


def written_in_nft(text: str, *, is_live: bool) -> Written:
    """The tables of `nft list ruleset`, or of a file of nft."""
    found = Written()
    stack: list[object] = []
    for number, statement in _statements(text, is_live=is_live):
        if statement == "}":
            stack[-1:] = []
        elif statement.endswith(" {"):
            stack.append(_opened(found, stack, number, statement.removesuffix(" {")))
        elif not stack:
            _command(found, number, statement)
        elif isinstance(stack[-1], Chain):
            _in_chain(found, stack[-1], number, statement)
        elif isinstance(stack[-1], Table):
            stack[-1].sleeps |= bool(re.match(r"flags .*\bdormant\b", statement))
            _included(found, number, statement)
        elif isinstance(stack[-1], tuple) and statement.startswith("elements ="):
            table, name = stack[-1]
            table.sets[name] = statement.partition("=")[2].strip()
    if stack:
        found.doubts.append((text.count("\n") + 1, "the text ends in the middle of a table"))
    return found


def _opened(found: Written, stack: list[object], number: int, head: str) -> object:
    if table := _TABLE.match(head):
        found.is_known = True
        return _table(found, table[1], table[2])
    own = _OWNED.match(head)
    inside = stack[-1] if stack and isinstance(stack[-1], Table) else None
    if own is None:
        return None
    owner = inside or _table(found, own[2], own[3] or "")
    if own[1] == "chain":
        return owner.chains.setdefault(own[4], Chain(number, f"chain {own[4]}"))
    owner.sets.setdefault(own[4], "{ }")
    return owner, own[4]


def _table(found: Written, family: str | None, name: str) -> Table:
    key = family or "ip", name
    return found.tables.setdefault(key, Table(_OF_FAMILY.get(key[0], ())))


def _in_chain(found: Written, chain: Chain, number: int, statement: str) -> None:
    if hook := _HOOK.match(statement):
        chain.hook, chain.line, chain.text = hook[1], number, statement
    elif statement.startswith("policy "):
        chain.drops = statement == "policy drop"
        chain.line, chain.text = number, statement
    elif not re.match(r"type |comment |devices? ", statement) and not _included(found, number, statement):
        chain.rules.append((number, statement))


def _included(found: Written, number: int, statement: str) -> bool:
    if not statement.startswith("include "):
        return False
    found.doubts.append((number, statement))
    return True


def _command(found: Written, number: int, statement: str) -> None:
    """A command outside of every table; what changes tables in a way that is not followed is a doubt."""
    if define := re.match(r"define (\w+) = (.+)", statement):
        found.defined[define[1]] = define[2]
        found.is_known = True
    elif table := _TABLE.match(statement):
        _table(found, table[1], table[2])
        found.is_known = True
    elif rule := _RULE.match(statement):
        chain = _table(found, rule[2], rule[3]).chains.setdefault(rule[4], Chain(number, f"chain {rule[4]}"))
        chain.rules.insert(len(chain.rules) if rule[1] == "add" else 0, (number, rule[5]))
        found.is_known = True
    elif re.match(r"(?:add|create) chain \S+(?: \S+){1,2}\Z", statement):
        found.is_known = True
    elif re.match(r"(?:flush|delete|destroy) ", statement):
        found.is_known = True
        if any(table.chains for table in found.tables.values()):
            found.doubts.append((number, statement))
    else:
        found.is_known |= statement.startswith(("include ", "add ", "insert "))
        found.doubts.append((number, statement))


def _filled(text: str, table: Table, defined: Mapping[str, str]) -> str:
    """With the elements of named sets, and the values of what is defined; what is not known keeps its sign."""
    for _ in range(4):
        if len(text) > LONGEST_RULE:
            break
        text = re.sub(r"\$(\w+)", lambda one: defined.get(one[1], one[0]), text)
    if len(text) > LONGEST_RULE:
        return "accept"  # too long to be followed: it may let everyone in
    return re.sub(r"@([\w.-]+)", lambda one: table.sets.get(one[1], one[0]), text)


def rules_of_nft(written: Written, table: Table, family: str) -> dict[str, list[Rule]]:
    """The rules of every chain of a table, as they are for one family."""
    return {
        name: [rule_of_nft(number, _filled(text, table, written.defined), family) for number, text in chain.rules]
        for name, chain in table.chains.items()
    }


# ── iptables-save ──


def written_by_iptables(text: str, family: str) -> Written:
    """The table `filter` of iptables-save."""
    found = Written()
    name = ""
    for number, raw in enumerate(text.splitlines(), start=1):
        line = re.sub(r"^\[\d+:\d+\] ", "", raw.strip())
        if line.startswith("*"):
            name, found.is_known = line[1:].strip(), True
            # A table that comes again begins anew.
            found.tables[family, name] = Table((family,))
        elif line == "COMMIT":
            name = ""
        elif name == "filter" and line and not line.startswith("#"):
            _saved(found, found.tables[family, name], number, line)
    if name == "filter":
        found.doubts.append((text.count("\n") + 1, "the table filter has no COMMIT"))
    return found


def _saved(found: Written, table: Table, number: int, line: str) -> None:
    if chain := re.match(r":(\S+) (\S+)", line):
        hook = chain[1].lower() if chain[1] in ("INPUT", "FORWARD", "OUTPUT") else ""
        table.chains[chain[1]] = Chain(number, line, hook, chain[2] == "DROP")
    elif (rule := re.match(r"-([AI]) (\S+)(?: (\d+)(?= ))? ?(.*)", line)) and rule[2] in table.chains:
        rules = table.chains[rule[2]].rules
        rules.insert(len(rules) if rule[1] == "A" else 0, (number, line))
    else:
        found.doubts.append((number, line))


def rules_of_iptables(table: Table) -> dict[str, list[Rule]]:
    """The rules of every chain."""
    return {
        name: [
            rule_of_iptables(number, re.sub(r"^-[AI] \S+(?: \d+(?= ))? ?", "", line)) for number, line in chain.rules
        ]
        for name, chain in table.chains.items()
    }
