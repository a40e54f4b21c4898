"""A reader process that misbehaves as its argument says: for what no real message is known to do."""

import os
import signal
import socket
import sys
import time
from pathlib import Path

from lockdown.model.scan import Content, Letter, Reading
from lockdown.scan.reader_wire import LENGTH, Failed, Read, Ready, report_octets

LETTER = Letter("", (), (), (), "", "", (), False, (), False, False, 0, (), "", "", frozenset())
NOTHING = Read(Reading(Content((), (), (), ()), LETTER))


def main(behaviour: str, log: str) -> None:
    link = socket.socket(fileno=os.dup(0))
    link.recv(LENGTH.unpack(link.recv(LENGTH.size))[0])
    if behaviour == "never starts":
        sys.exit(3)
    if behaviour == "refuses":
        link.sendall(report_octets(Failed("The list cannot be used: no such file", ends=True)))
        sys.exit(1)
    link.sendall(report_octets(Ready()))
    while True:
        length, descriptors, _, _ = socket.recv_fds(link, LENGTH.size, 1)
        if not length:
            return
        content = os.pread(descriptors[0], LENGTH.unpack(length)[0], 0)
        os.close(descriptors[0])
        with Path(log).open("ab") as seen:
            seen.write(b"%d " % os.getpid() + content[:20] + b"\n")
        answer(link, behaviour if content.startswith(b"bad") else "reads")


def answer(link: socket.socket, behaviour: str) -> None:
    match behaviour:
        case "reads":
            link.sendall(report_octets(NOTHING))
        case "slow":
            time.sleep(0.3)
            link.sendall(report_octets(NOTHING))
        case "crashes":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "hangs":
            time.sleep(60)
        case "exits":
            os._exit(9)
        case "babbles":
            link.sendall(LENGTH.pack(5) + b"\xc1\xc1\xc1\xc1\xc1")
        case "is too long":
            link.sendall(LENGTH.pack(1 << 40))
        case "stops in its answer":
            link.sendall(report_octets(NOTHING)[:20])
            os._exit(0)
        case "breaks":
            link.sendall(report_octets(Failed("the reader broke: ValueError: x", ends=True)))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
