"""The second parser's opinion: what it sees and we do not is added, and it is silent about ordinary mail."""

from pathlib import Path

import pytest

from lockdown.mime.reader import read_message
from lockdown.mime.second import with_second_opinion
from lockdown.model.scan import Ambiguity
from tests.rig.corpora import spam_and_ham, why_no_corpora

pytest.importorskip("fast_mail_parser")
FOLDER = Path(__file__).parent / "readings"


def test_an_attachment_that_only_the_other_parser_sees_is_added_and_the_two_disagree() -> None:
    content = (FOLDER / "attachment.eml").read_bytes().replace(b"\n", b"\r\n")
    message = read_message(content)
    blind = message._replace(parts=message.parts[:2])
    found = with_second_opinion(blind, content)
    assert found.ambiguities == (Ambiguity.TWO_PARSERS_DISAGREE,)
    assert (found.parts[-1].name, found.parts[-1].data()) == ("a.bin", message.parts[2].data())


@pytest.mark.parametrize("name", [path.stem for path in sorted(FOLDER.glob("*.eml"))])
def test_of_no_odd_message_it_sees_more_than_our_readings_together(name: str) -> None:
    content = (FOLDER / f"{name}.eml").read_bytes().replace(b"\n", b"\r\n")
    message = read_message(content)
    assert with_second_opinion(message, content) is message


@pytest.mark.skipif(bool(why_no_corpora()), reason=why_no_corpora())
def test_it_is_silent_about_ordinary_mail() -> None:
    for specimen in spam_and_ham(1000):
        message = read_message(specimen.content)
        assert with_second_opinion(message, specimen.content) is message, specimen.name
