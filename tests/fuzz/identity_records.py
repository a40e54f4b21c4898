"""What strangers publish and what operators write: DMARC records, DKIM keys, From fields, blocklist rules."""

from lockdown.scan.blocklists import Blocklist, parse_blocklist
from lockdown.scan.dkim import Header, Key, _key, signatures
from lockdown.scan.dmarc import Policy, author_domains, parse_record


def one_input(octets: bytes) -> None:
    """Each reader has a value for every input, and its value is of the closed kind that it promises."""
    policy = parse_record(octets)
    assert policy is None or isinstance(policy, Policy)
    if policy is not None:
        assert policy.p in POLICIES
        assert {policy.sp, policy.np} <= {*POLICIES, ""}
        assert policy.psd in ("y", "n", "u")
    key = _key(octets)
    assert isinstance(key, str) or (isinstance(key, Key) and key.bits > 0 and key.kind in (b"rsa", b"ed25519"))
    for domain in author_domains([octets]):
        assert domain.isascii() and domain == domain.lower() and not set(domain) & set(" <>@,;:()")
    rule = parse_blocklist(octets.decode("latin-1"))
    assert isinstance(rule, Blocklist) or rule
    if isinstance(rule, Blocklist):
        assert all(0x7F000000 <= low <= high < 0x7FFFFF00 for low, high in rule.ranges)
    assert len(signatures(Header(b"DKIM-Signature: " + octets))) <= 20


POLICIES = ("none", "quarantine", "reject")
