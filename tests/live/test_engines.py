"""Real clamd, rspamd and spamd: what they find, what they do not read, and what we say when they stop, freeze, die."""

from __future__ import annotations

import asyncio
import base64
import io
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TypeAlias

import libarchive
import pytest

from lockdown.model.scan import Answer, Clean, Encrypted, Failed, Found, Opinion, Outcome, TooBig
from lockdown.model.unknown import Unknown
from lockdown.scan.clamd import Clamd, ClamdVersion
from lockdown.scan.engines import Engines
from lockdown.scan.proof import EICAR, plain_letter, spam_letter
from lockdown.scan.rspamd import NOBODY, Envelope, Rspamd
from lockdown.scan.spamd import Spamd
from lockdown.scan.watched import Pace
from tests.rig.clamd import TEST_FILES, RealClamd, why_clamd_cannot_run
from tests.rig.rspamd import RealRspamd, why_rspamd_cannot_run
from tests.rig.sandbox import sandbox
from tests.rig.scripted import run
from tests.rig.spamd import RealSpamd, why_spamd_cannot_run

pytestmark = pytest.mark.live
Server: TypeAlias = RealClamd | RealRspamd | RealSpamd

needs_clamd = pytest.mark.skipif(bool(why_clamd_cannot_run()), reason=why_clamd_cannot_run() or "clamd runs")
needs_rspamd = pytest.mark.skipif(bool(why_rspamd_cannot_run()), reason=why_rspamd_cannot_run() or "rspamd runs")
needs_spamd = pytest.mark.skipif(bool(why_spamd_cannot_run()), reason=why_spamd_cannot_run() or "spamd runs")
STRANGER = Envelope("203.0.113.7", "anna@example.org", ("ben@example.org",), "mx.example.org", "mx.example.org")

STRICT = {"AlertEncrypted": "yes", "AlertExceedsMax": "yes", "MaxScanSize": "1M", "MaxFileSize": "1M"}


@pytest.fixture(scope="module")
def clamd() -> Iterator[RealClamd]:
    """It says when it could not read something, as it is asked to."""
    with sandbox("clamd") as box, RealClamd(box, settings=STRICT) as server:
        yield server


@pytest.fixture(scope="module")
def rspamd() -> Iterator[RealRspamd]:
    with sandbox("rspamd") as box, RealRspamd(box) as server:
        yield server


@pytest.fixture(scope="module")
def spamd() -> Iterator[RealSpamd]:
    with sandbox("spamd") as box, RealSpamd(box) as server:
        yield server


def _soon(seconds: float = 20.0) -> float:
    return asyncio.get_running_loop().time() + seconds


async def _until(holds: Callable[[], object], what: str) -> None:
    end = _soon()
    while not holds():
        if asyncio.get_running_loop().time() > end:
            raise TimeoutError(what)
        await asyncio.sleep(0.01)


def _scan(url: str, content: bytes) -> Outcome:
    outcomes: list[Outcome] = []

    async def story() -> None:
        outcomes.append((await Clamd(url).scan(content, len(content), _soon())).outcome)

    run(story())
    return outcomes[0]


def _zip(content: bytes, name: str = "letter.txt") -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return packed.getvalue()


def _encrypted_zip(content: bytes) -> bytes:
    packed = bytearray()

    def write(octets: bytes) -> int:
        packed.extend(octets)
        return len(octets)

    with libarchive.custom_writer(write, "zip", options="zip:encryption=zipcrypt", passphrase="secret") as archive:
        archive.add_file_from_memory("letter.txt", len(content), content)
    return bytes(packed)


def _mail(attachment: bytes, name: str = "letter.zip") -> bytes:
    head = (
        "From: anna@example.org\r\nTo: ben@example.org\r\nSubject: a file\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nSee the file.\r\n'
        f'--b\r\nContent-Type: application/octet-stream; name="{name}"\r\nContent-Transfer-Encoding: base64\r\n'
        f'Content-Disposition: attachment; filename="{name}"\r\n\r\n'
    )
    return head.encode() + base64.encodebytes(attachment).replace(b"\n", b"\r\n") + b"--b--\r\n"


EICAR_FOUND = Found("Eicar-Test-Signature.UNOFFICIAL")
FORMS = {
    "raw": EICAR,
    "in a zip": _zip(EICAR),
    "in a zip in a zip": _zip(_zip(EICAR), "inner.zip"),
    "attached": _mail(EICAR, "eicar.com"),
    "in an attached zip": _mail(_zip(EICAR)),
}


@needs_clamd
@pytest.mark.parametrize("form", FORMS)
def test_the_test_virus_is_found_over_both_kinds_of_socket(clamd: RealClamd, form: str) -> None:
    assert _scan(clamd.url, FORMS[form]) == EICAR_FOUND == _scan(clamd.tcp_url, FORMS[form])


@needs_clamd
@pytest.mark.parametrize("content", [b"", plain_letter(), _mail(_zip(b"hello")), b"x" * 900_000])
def test_a_plain_letter_is_clean(clamd: RealClamd, content: bytes) -> None:
    assert _scan(clamd.url, content) == Clean() == _scan(clamd.tcp_url, content)


@needs_clamd
def test_a_program_is_found_by_its_digest(clamd: RealClamd) -> None:
    program = TEST_FILES / "clam.exe"
    if not program.exists():
        pytest.skip("ClamAV's test files are not installed (apt-get install clamav-testfiles)")
    assert _scan(clamd.url, _mail(program.read_bytes())) == Found("Clam.Test.UNOFFICIAL")


@needs_clamd
def test_what_is_encrypted_is_told_from_what_is_clean(clamd: RealClamd) -> None:
    for content in (_encrypted_zip(EICAR), _mail(_encrypted_zip(b"hello"))):
        assert isinstance(_scan(clamd.url, content), Encrypted)


@needs_clamd
@pytest.mark.parametrize("size", [2_097_153, 3_000_000, 30_000_000])
def test_a_message_over_its_stream_limit_is_too_big(clamd: RealClamd, size: int) -> None:
    for url in (clamd.url, clamd.tcp_url):
        assert _scan(url, b"x" * size) == TooBig("clamd: larger than its StreamMaxLength")


@needs_clamd
def test_a_message_over_its_scan_limit_is_too_big(clamd: RealClamd) -> None:
    for content in (b"x" * 1_500_000, _mail(_zip(b"x" * 3_000_000))):
        assert isinstance(_scan(clamd.url, content), TooBig)


@needs_clamd
def test_a_clamd_with_the_settings_of_its_package_keeps_silent_about_what_it_has_not_read() -> None:
    """Why the audit wants AlertExceedsMax and AlertEncrypted: from here, such an answer cannot be told from clean."""
    with sandbox("clamd-lax") as box, RealClamd(box, settings={"MaxScanSize": "1M", "MaxFileSize": "1M"}) as lax:
        assert _scan(lax.url, b"x" * 1_500_000) == Clean()
        assert _scan(lax.url, _encrypted_zip(EICAR)) == Clean()


@needs_clamd
def test_how_far_clamd_reads_can_be_tried(clamd: RealClamd) -> None:
    async def story() -> None:
        asked = Clamd(clamd.url)
        assert await asked.reaches(500_000, _soon()) is True
        assert await asked.reaches(1_500_000, _soon()) is False
        assert await asked.reaches(5_000_000, _soon()) is False

    run(story())
    with sandbox("clamd-lax") as box, RealClamd(box, settings={"MaxScanSize": "1M", "MaxFileSize": "1M"}) as lax:

        async def silent() -> None:
            assert await Clamd(lax.url).reaches(1_500_000, _soon()) is False

        run(silent())


@needs_clamd
def test_a_clamd_without_signatures_does_not_prove_itself() -> None:
    with sandbox("clamd-empty") as box, RealClamd(box, signatures=False) as empty:

        async def story() -> None:
            engines = Engines([empty.url], [])
            await engines.start()
            (answer,) = await engines.antivirus(b"hello", 5, _soon())
            assert isinstance(answer.outcome, Unknown) and "does not find the test virus" in answer.outcome.why
            await engines.stop()

        run(story())


@needs_clamd
def test_clamd_tells_its_version_and_proves_itself(clamd: RealClamd) -> None:
    async def story() -> None:
        for url in (clamd.url, clamd.tcp_url):
            version = await Clamd(url).version()
            assert isinstance(version, ClamdVersion) and version.engine[0].isdigit()
            assert await Clamd(url).proves_itself() is True

    run(story())


@needs_clamd
def test_a_hundred_messages_at_once_each_get_their_own_answer(clamd: RealClamd) -> None:
    async def story() -> None:
        for url in (clamd.url, clamd.tcp_url):
            asked = Clamd(url)
            contents = [EICAR if number % 3 == 0 else b"letter %d" % number for number in range(100)]
            answers = await asyncio.gather(*(asked.scan(each, len(each), _soon()) for each in contents))
            outcomes = [answer.outcome for answer in answers]
            assert outcomes == [EICAR_FOUND if each is EICAR else Clean() for each in contents]

    run(story())


@needs_rspamd
def test_rspamd_refuses_the_test_spam_and_not_a_plain_letter(rspamd: RealRspamd) -> None:
    async def story() -> None:
        asked = Rspamd(rspamd.url)
        spam = await asked.check(spam_letter(), len(spam_letter()), STRANGER, _soon())
        assert isinstance(spam, Opinion) and spam.rejects and spam.score >= spam.required
        ham = await asked.check(plain_letter(), len(plain_letter()), STRANGER, _soon())
        assert isinstance(ham, Opinion) and not ham.rejects and ham.score < 5 < ham.required
        assert await asked.proves_itself() is True
        version = await asked.version()
        assert isinstance(version, str) and version[0].isdigit()

    run(story())


@needs_rspamd
def test_rspamd_hears_the_envelope(rspamd: RealRspamd) -> None:
    async def story() -> None:
        other = STRANGER._replace(sender="mallory@example.net")
        asked, letter = Rspamd(rspamd.url), plain_letter()
        for envelope in (STRANGER, other):
            opinion = await asked.check(letter, len(letter), envelope, _soon())
            assert isinstance(opinion, Opinion)
        hostile = STRANGER._replace(helo="x\r\nUser: root\r\n\r\n", sender="\0\r\n")
        assert isinstance(await asked.check(letter, len(letter), hostile, _soon()), Opinion)

    run(story())


@needs_spamd
def test_spamd_knows_the_test_spam_and_a_plain_letter(spamd: RealSpamd) -> None:
    async def story() -> None:
        asked = Spamd(spamd.url)
        spam = await asked.check(spam_letter(), len(spam_letter()), STRANGER, _soon())
        assert isinstance(spam, Opinion) and spam.score >= 1000 and spam.reasons[0].name == "GTUBE"
        assert spam.reasons[0].points == 1000
        ham = await asked.check(plain_letter(), len(plain_letter()), STRANGER, _soon())
        assert isinstance(ham, Opinion) and ham.score < ham.required == 5
        assert await asked.proves_itself() is True

    run(story())


# ── stopped, frozen, killed ──

SERVERS = {"clamd": RealClamd, "clamd over TCP": RealClamd, "rspamd": RealRspamd, "spamd": RealSpamd}


@pytest.fixture(scope="module", params=SERVERS)
def mortal(request: pytest.FixtureRequest) -> Iterator[tuple[Server, str]]:
    """A server that the tests may stop and start again, and its URL."""
    why = {"c": why_clamd_cannot_run, "r": why_rspamd_cannot_run, "s": why_spamd_cannot_run}[request.param[0]]()
    if why:
        pytest.skip(why)
    with ExitStack() as stack:
        box = stack.enter_context(sandbox("mortal"))
        server = stack.enter_context(SERVERS[request.param](box))
        yield server, (server.tcp_url if "TCP" in request.param else server.url)  # type: ignore[union-attr]


def _engines(url: str) -> Engines:
    pace = Pace(trial=1.0, first_rest=0.1, longest_rest=0.3)
    return Engines([url], [], pace=pace) if url.startswith("clamd") else Engines([], [url], pace=pace)


async def _ask(engines: Engines, url: str, seconds: float) -> Outcome | Opinion | Failed:
    letter = plain_letter()
    if url.startswith("clamd"):
        (answer,) = await engines.antivirus(letter, len(letter), _soon(seconds))
        assert isinstance(answer, Answer)
        return answer.outcome
    (opinion,) = await engines.antispam(letter, len(letter), NOBODY, _soon(seconds))
    return opinion


def _no_answer(outcome: object) -> bool:
    return isinstance(outcome, Unknown | Failed)


async def _is_well(engines: Engines, url: str) -> None:
    await _until(lambda: engines.health()[0].up, f"{url} is up")
    assert isinstance(await _ask(engines, url, 20), Clean | Opinion)


def _stopped(server: Server) -> None:
    server.stop()


def _frozen(server: Server) -> None:
    server.freeze()


def _killed(server: Server) -> None:
    server.kill()


@pytest.mark.parametrize("ends", [_stopped, _frozen, _killed])
def test_an_engine_that_is_gone_is_no_answer_and_comes_back(
    mortal: tuple[Server, str], ends: Callable[[Server], None]
) -> None:
    server, url = mortal

    async def story() -> None:
        engines = _engines(url)
        await engines.start(20)
        await _is_well(engines, url)
        await asyncio.to_thread(ends, server)
        assert _no_answer(await _ask(engines, url, 0.3))
        await _until(lambda: not engines.health()[0].up, f"{url} is seen to be down")
        resting = await _ask(engines, url, 20)
        assert isinstance(resting, Unknown | Failed) and "resting" in resting.why
        await asyncio.to_thread(server.thaw if ends is _frozen else server.start)
        await _is_well(engines, url)
        await engines.stop()

    run(story())


def test_an_engine_that_is_killed_while_it_reads_has_not_answered(mortal: tuple[Server, str]) -> None:
    server, url = mortal

    async def story() -> None:
        engines = _engines(url)
        await engines.start(20)
        await _is_well(engines, url)
        server.freeze()
        asking = asyncio.ensure_future(_ask(engines, url, 20))
        await asyncio.sleep(0.1)  # the question is out, the kernel has taken it
        server.kill()
        assert _no_answer(await asking)
        await asyncio.to_thread(server.start)
        await _is_well(engines, url)
        await engines.stop()

    run(story())
