"""What may pass: judged file by file on what was read, and on what was not."""

from __future__ import annotations

import pytest

from lockdown.checklist.antivirus.gate import message
from lockdown.config import Antivirus, Settings
from lockdown.mime.kinds import KINDS
from lockdown.model.mail import WITHOUT_PARTS, Client, Mail, Repetition
from lockdown.model.scan import (
    Ambiguity,
    Answer,
    Arc,
    Clean,
    Content,
    Dmarc,
    Encrypted,
    Examined,
    File,
    Found,
    Identity,
    Letter,
    Outcome,
    Reading,
    Result,
    Spf,
    TooBig,
    Trait,
    Unread,
)
from lockdown.model.unknown import Unknown
from lockdown.model.verdict import ACCEPT, Kind, Verdict
from lockdown.smtp.address import Address, AddressShape

POLICY = Settings()
CLAMD = "clamd:///run/clamav/clamd.ctl"

SENDER = Address("t", "outside.example", "t@outside.example", AddressShape.PLAIN, False)
NOBODY = Identity(Spf(Result.NONE, ""), (), Dmarc(Result.NONE, ""), Arc(Result.NONE))
MAIL = Mail(
    client=Client("192.0.2.80", "192.0.2.0/24", False, 1, 1, 1, None),
    sender=SENDER,
    recipients=(SENDER,),
    size_bytes=5000,
    header=b"Subject: hello\r\n",
    header_bytes=16,
    hops=1,
    own_hops=0,
    structure=WITHOUT_PARTS,
    from_network=Repetition(1, 5000),
    to_recipient=Repetition(1, 5000),
)
LETTER = Letter("hello", (), (), (), "text", "", (), False, (), True, False, 0, (), "", "", frozenset())
BODY = File("1", "text", "text/plain", 100, "00", is_attachment=False)
EMPTY = Content((BODY,), (), (), ())


def examined(content: Content | Unknown = EMPTY, *outcomes: Outcome) -> Examined:
    reading = content if isinstance(content, Unknown) else Reading(content, LETTER)
    answers = tuple(Answer(CLAMD, outcome) for outcome in outcomes)
    return Examined(MAIL, reading, answers, NOBODY, ())


def judged(content: Content | Unknown = EMPTY, *outcomes: Outcome, policy: Settings = POLICY) -> tuple[Kind, str]:
    verdict: Verdict = message(examined(content, *outcomes), policy)
    return verdict.kind, verdict.control


def with_file(kind: str, *traits: Trait, attached: bool = True, depth: int = 0) -> Content:
    file = File("invoice", kind, "application/octet-stream", 9, "00", traits, depth, attached)
    return EMPTY._replace(files=(BODY, file))


def settings(**antivirus: object) -> Settings:
    return Settings(antivirus=Antivirus(**antivirus))  # type: ignore[arg-type]


def test_a_letter_without_attachments_passes() -> None:
    assert message(examined(), POLICY) is ACCEPT


def test_a_document_without_macros_passes() -> None:
    assert judged(with_file("docx")) == (Kind.ACCEPT, "")


def test_a_virus_is_refused_for_good_and_its_name_is_for_us_alone() -> None:
    verdict = message(examined(EMPTY._replace(found=(Found("Eicar", "a.zip/b.com"),))), POLICY)
    assert (verdict.kind, verdict.code, verdict.detail) == (Kind.REJECT, 550, "7.1")
    assert "Eicar in a.zip/b.com" in verdict.says and "Eicar" not in verdict.tells


def test_a_virus_that_only_the_second_engine_finds_is_refused() -> None:
    assert judged(EMPTY, Clean(), Found("Win.Test")) == (Kind.REJECT, "antivirus.virus")


def test_a_virus_is_held_where_the_settings_say_so() -> None:
    policy = settings(found="quarantine")
    assert judged(EMPTY, Found("Win.Test"), policy=policy) == (Kind.QUARANTINE, "antivirus.virus")


OF_DEVELOPERS = {"script", "shell"}
DANGEROUS = sorted(kind for kind, about in KINDS.items() if about.dangerous and kind not in OF_DEVELOPERS)


@pytest.mark.parametrize("kind", DANGEROUS)
def test_a_dangerous_type_is_refused_as_an_attachment_and_within_an_archive(kind: str) -> None:
    assert judged(with_file(kind)) == (Kind.REJECT, "antivirus.forbidden-type")
    assert judged(with_file(kind, attached=False, depth=2)) == (Kind.REJECT, "antivirus.forbidden-type")


@pytest.mark.parametrize("kind", sorted(OF_DEVELOPERS))
def test_a_script_of_developers_is_held_by_itself_and_passes_within_an_archive(kind: str) -> None:
    assert judged(with_file(kind)) == (Kind.QUARANTINE, "antivirus.forbidden-type")
    assert judged(with_file(kind), policy=settings(forbidden="accept-and-mark"))[0] is Kind.TAG
    assert judged(with_file(kind, depth=1)) == (Kind.ACCEPT, "")


def test_a_type_that_the_settings_allow_passes() -> None:
    assert judged(with_file("iso"), policy=settings(allowed_types=("iso",))) == (Kind.ACCEPT, "")


@pytest.mark.parametrize(
    ("traits", "answer"),
    [
        ((Trait.DOUBLE_EXTENSION,), (Kind.REJECT, "antivirus.forbidden-type")),
        ((Trait.RIGHT_TO_LEFT,), (Kind.REJECT, "antivirus.forbidden-type")),
        ((Trait.PADDED_NAME,), (Kind.REJECT, "antivirus.forbidden-type")),
        ((Trait.SMUGGLING,), (Kind.REJECT, "antivirus.forbidden-type")),
        ((Trait.SCRIPT,), (Kind.REJECT, "antivirus.forbidden-type")),
        ((Trait.DDE,), (Kind.REJECT, "antivirus.forbidden-type")),
        ((Trait.EXPLOIT_OBJECT,), (Kind.REJECT, "antivirus.forbidden-type")),
        ((Trait.EMBEDDED_PROGRAM,), (Kind.REJECT, "antivirus.forbidden-type")),
        ((Trait.PDF_LAUNCH,), (Kind.REJECT, "antivirus.forbidden-type")),
        ((Trait.MACROS,), (Kind.QUARANTINE, "antivirus.macros")),
        ((Trait.MACROS, Trait.AUTO_EXEC), (Kind.QUARANTINE, "antivirus.macros")),
        ((Trait.MACROS, Trait.AUTO_EXEC, Trait.WRITES_OR_RUNS), (Kind.REJECT, "antivirus.macros")),
        ((Trait.OLD_MACROS, Trait.AUTO_EXEC), (Kind.REJECT, "antivirus.macros")),
        ((Trait.REMOTE_TEMPLATE,), (Kind.QUARANTINE, "antivirus.macros")),
        ((Trait.PDF_SCRIPT,), (Kind.ACCEPT, "")),
        ((Trait.PDF_SCRIPT, Trait.PDF_AUTO_ACTION), (Kind.QUARANTINE, "antivirus.macros")),
        ((Trait.PDF_ATTACHMENT,), (Kind.ACCEPT, "")),
        ((Trait.EMBEDDED_OBJECT,), (Kind.ACCEPT, "")),
        ((Trait.TRAILING_DOT,), (Kind.QUARANTINE, "antivirus.ambiguous")),
        ((Trait.CONTROL_IN_NAME,), (Kind.QUARANTINE, "antivirus.ambiguous")),
        ((Trait.NAME_LIES,), (Kind.QUARANTINE, "antivirus.ambiguous")),
        ((Trait.ENCRYPTED,), (Kind.QUARANTINE, "antivirus.encrypted")),
        ((Trait.ENCRYPTED_NAMES,), (Kind.QUARANTINE, "antivirus.encrypted")),
        ((Trait.BOMB,), (Kind.QUARANTINE, "antivirus.unread")),
        ((Trait.DAMAGED,), (Kind.QUARANTINE, "antivirus.unread")),
    ],
)
def test_what_a_file_does_decides(traits: tuple[Trait, ...], answer: tuple[Kind, str]) -> None:
    assert judged(with_file("docx", *traits)) == answer


def test_every_trait_is_ruled_on_above() -> None:
    ruled = {trait for mark in test_what_a_file_does_decides.pytestmark for case in mark.args[1] for trait in case[0]}  # type: ignore[attr-defined]
    assert ruled | {Trait.PASSWORD_FORM} == set(Trait)


def test_a_script_in_the_body_that_a_reader_shows_is_no_attachment() -> None:
    assert judged(with_file("html", Trait.SCRIPT, attached=False)) == (Kind.ACCEPT, "")


def test_a_form_for_a_password_in_an_attached_page_is_refused() -> None:
    assert judged(with_file("html", Trait.PASSWORD_FORM)) == (Kind.REJECT, "antivirus.forbidden-type")


def test_what_was_not_read_is_held() -> None:
    content = EMPTY._replace(unread=(Unread("a.arj", "no builtin reader for arj"),))
    assert judged(content) == (Kind.QUARANTINE, "antivirus.unread")


def test_what_is_encrypted_is_held_as_such() -> None:
    content = EMPTY._replace(unread=(Unread("a.zip/b", "encrypted", encrypted=True),))
    assert judged(content) == (Kind.QUARANTINE, "antivirus.encrypted")
    assert judged(content, policy=settings(encrypted="accept-and-mark")) == (Kind.TAG, "antivirus.encrypted")


def test_what_is_over_an_engines_limit_is_held_though_another_found_nothing() -> None:
    assert judged(EMPTY, Clean(), TooBig("StreamMaxLength")) == (Kind.QUARANTINE, "antivirus.unread")
    assert judged(EMPTY, Encrypted()) == (Kind.QUARANTINE, "antivirus.encrypted")


def test_an_ambiguity_is_held_unless_it_only_hides_the_sender() -> None:
    assert judged(EMPTY._replace(ambiguities=(Ambiguity.TWO_BOUNDARIES,))) == (Kind.QUARANTINE, "antivirus.ambiguous")
    assert judged(EMPTY._replace(ambiguities=(Ambiguity.TWO_FROM,))) == (Kind.ACCEPT, "")


@pytest.mark.parametrize("seen", [Ambiguity.UUENCODE_IN_MIME, Ambiguity.TWO_NAMES, Ambiguity.ENCODED_CONTAINER])
def test_what_is_read_in_all_its_readings_holds_nothing_by_itself(seen: Ambiguity) -> None:
    assert judged(EMPTY._replace(ambiguities=(seen,))) == (Kind.ACCEPT, "")
    program = with_file("pe")._replace(ambiguities=(seen,))
    assert judged(program) == (Kind.REJECT, "antivirus.forbidden-type")


@pytest.mark.parametrize(
    ("setting", "kind"),
    [("defer", Kind.DEFER), ("quarantine", Kind.QUARANTINE), ("accept-and-mark", Kind.TAG)],
)
def test_an_engine_that_does_not_answer_is_never_a_pass(setting: str, kind: Kind) -> None:
    policy = settings(unavailable=setting)
    assert judged(Unknown("the reader process was killed"), policy=policy) == (kind, "antivirus.unavailable")
    assert judged(EMPTY, Unknown("no answer in 8 s"), policy=policy) == (kind, "antivirus.unavailable")


def test_an_engines_silence_does_not_hide_what_another_has_found() -> None:
    assert judged(EMPTY, Unknown("no answer"), Found("Win.Test")) == (Kind.REJECT, "antivirus.virus")


def test_an_error_is_not_a_virus_and_a_virus_is_not_an_error() -> None:
    assert judged(EMPTY, Unknown("Can't allocate memory ERROR"))[1] == "antivirus.unavailable"
    assert judged(EMPTY, Found("Heuristics.Broken"))[1] == "antivirus.virus"


def test_without_the_builtin_engine_only_the_others_are_heard() -> None:
    policy = settings(engines=(CLAMD,))
    assert judged(Unknown("not among the engines"), Clean(), policy=policy) == (Kind.ACCEPT, "")
    assert judged(Unknown("not among the engines"), Found("X"), policy=policy)[0] is Kind.REJECT


def test_what_a_rule_suspects_is_held_and_never_refused() -> None:
    content = EMPTY._replace(suspicious=(Found("Downloader", "a.js"),))
    assert judged(content) == (Kind.QUARANTINE, "antivirus.suspicious")
