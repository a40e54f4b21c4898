"""What a probe writes is read back as it was; the relay matrix of the probe is that of the gate."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from lockdown.facts.probed import Listener, bypass_source, listeners_seen, reached, scope, ways_seen, written
from lockdown.facts.relay_forms import RECIPIENTS, SENDERS, Form, Names, filled
from lockdown.model.unknown import Unknown
from tests.checklist.seen import SERVER
from tests.recordings.literal import HEALTHY

MATRIX = (Path(__file__).parents[1] / "checklist" / "relaying" / "matrix.txt").read_text()
NAMES = Names("canary", "outside.example", "example.org", "192.0.2.25", "mx.example.org")


def test_a_listener_is_read_back_as_it_was_written() -> None:
    snapshot = replace(HEALTHY, readings={SERVER.source: written(SERVER)})
    assert listeners_seen(snapshot) == ((SERVER.source, SERVER),)
    assert reached(snapshot) == (("192.0.2.25:25", SERVER),)


def test_an_address_with_colons_makes_a_name_that_a_file_may_have() -> None:
    assert Listener("2001:db8::1", 25).source == "probe/smtp/2001_db8__1/25.json"
    assert Listener("2001:db8::1", 25).place == "[2001:db8::1]:25"


@given(st.text() | st.binary().map(lambda octets: octets.decode("latin-1")))
def test_garbage_is_unknown_and_never_an_error(text: str) -> None:
    names = ("probe/scope.json", "probe/smtp/x/25.json", "probe/ports/x.json", bypass_source("x"))
    snapshot = replace(HEALTHY, readings=dict.fromkeys(names, text))
    assert isinstance(scope(snapshot), Unknown)
    assert all(isinstance(seen, Unknown) for _, seen in (*listeners_seen(snapshot), *ways_seen(snapshot)))


def test_every_form_of_the_matrix_is_tried_but_those_of_third_hosts() -> None:
    wanted = set(re.findall(r"^([FR]\d\d) ", MATRIX, re.MULTILINE)) - {"R20"}
    assert {form.id for form in (*SENDERS, *RECIPIENTS)} == wanted


def test_letters_are_names_only_where_they_stand_alone() -> None:
    assert filled(Form("R03", "<C%X@H>"), NAMES) == "<canary%outside.example@example.org>"
    assert filled(Form("R25", "<C=40X@H>"), NAMES) == "<canary=40outside.example@example.org>"
    assert (
        filled(Form("R21", "<SRS0=badhash=tt=X=C@H>"), NAMES) == "<SRS0=badhash=tt=outside.example=canary@example.org>"
    )
