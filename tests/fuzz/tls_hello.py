"""What a server says at the start of TLS, and what it puts into a certificate: octets of strangers."""

from lockdown.facts.tls_seen import Certificate
from lockdown.probe.hello import Alert, Hello, Nonsense, read_flight
from lockdown.probe.tls import certificate


def one_input(octets: bytes) -> None:
    """There is a value for every input, and more octets do not turn a choice into another one."""
    whole = read_flight(octets)
    assert whole is None or isinstance(whole, Hello | Alert | Nonsense)
    for cut in range(0, len(octets), max(1, len(octets) // 8)):
        early = read_flight(octets[:cut])
        assert not isinstance(early, Hello) or early == whole
    held = certificate(octets)
    assert held is None or isinstance(held, Certificate)
