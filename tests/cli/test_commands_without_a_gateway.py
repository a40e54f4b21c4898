"""Commands that work on the state directory alone, whether or not anything runs."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lockdown.cli import main
from lockdown.config import Log
from lockdown.model.held import HeldMessage
from lockdown.state.spool import Spool, hold_durably
from lockdown.state.store import open_store
from lockdown.state.transactions import LoggedClient, LoggedVerdict, Transaction, TransactionLog

NOW = datetime.now(UTC)
ID = "1A20BB3073B00004"


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _log(*transactions: Transaction, settings: Log | None = None) -> None:
    log = TransactionLog(Path("var"), settings or Log())
    for transaction in transactions:
        log.record(transaction)
    log.close()


def _transaction(id: str = ID, *, helo: str = "mx", age: timedelta = timedelta(0)) -> Transaction:
    return Transaction(
        type="rejected",
        id=id,
        at=NOW - age,
        client=LoggedClient("203.0.113.7", helo),
        sender="a@sender.example",
        recipients=["bob@example.org"],
        verdict=LoggedVerdict("REJECT", "relaying.open-to-strangers", "not ours"),
    )


# ── trace ──


@pytest.mark.parametrize("needle", [ID, "bob@example.org", "<A@sender.example>", "203.0.113.7"])
def test_a_transaction_is_found_by_id_address_and_client(needle: str, capsys: pytest.CaptureFixture[str]) -> None:
    _log(_transaction())
    assert main(["trace", needle]) == 0
    assert f"{ID}: client=203.0.113.7" in capsys.readouterr().out


def test_an_address_is_found_although_it_was_written_as_a_digest(capsys: pytest.CaptureFixture[str]) -> None:
    _log(_transaction(), settings=Log(addresses="hashed"))
    assert main(["trace", "bob@example.org"]) == 0
    text = capsys.readouterr().out
    assert ID in text
    assert "bob@" not in text


def test_what_is_not_known_is_exit_1_and_says_how_far_back_was_looked(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "nobody@example.org"]) == 1
    assert "there is no log" in capsys.readouterr().err
    _log(_transaction())
    assert main(["trace", "nobody@example.org"]) == 1
    assert f"since {NOW:%Y-%m-%d}" in capsys.readouterr().err


def test_what_is_older_than_since_is_left_out() -> None:
    _log(_transaction(age=timedelta(hours=3)))
    assert main(["trace", ID, "--since", "2h"]) == 1
    assert main(["trace", ID, "--since", "4h"]) == 0


def test_a_strangers_escape_sequences_do_not_reach_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    _log(_transaction(helo="\x1b]0;owned\x07"))
    main(["trace", ID])
    text = capsys.readouterr().out
    assert "]0;owned" in text
    assert "\x07" not in text


def test_a_trace_as_json_has_every_field(capsys: pytest.CaptureFixture[str]) -> None:
    _log(_transaction())
    assert main(["trace", ID, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["schema"] == "lockdown.trace/1"
    assert told["transactions"][0]["verdict"]["control"] == "relaying.open-to-strangers"


def test_a_line_that_cannot_be_read_is_shown_as_such(capsys: pytest.CaptureFixture[str]) -> None:
    _log(_transaction())
    file = next(Path("var/log").glob("*.jsonl"))
    file.write_bytes(file.read_bytes() + f'{{"id": "{ID}", broken\n'.encode())
    assert main(["trace", ID]) == 0
    assert "status=unreadable" in capsys.readouterr().out


# ── quarantine ──


def _hold(id: str = ID, subject: str = "doubtful") -> None:
    with closing(open_store(Path("var"))) as store:
        meta = HeldMessage(id, NOW, "203.0.113.7", "mx", "a@b.example", ("bob@example.org",), "c.d", "why not", subject)
        hold_durably(store, Spool(Path("var/quarantine")), meta, [b"Subject: doubtful\r\n\r\nbody \xff\x1b[2J\r\n"])


@pytest.mark.parametrize("words", ["quarantine list", "quarantine show X", "block list", "block why 203.0.113.7"])
def test_a_look_into_a_folder_without_a_store_says_so_and_makes_none(
    words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words.split()) == 2
    assert "name the settings it runs with" in capsys.readouterr().err
    assert not Path("var").exists()


def test_an_empty_quarantine_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    open_store(Path("var")).close()
    assert main(["quarantine", "list"]) == 0
    assert capsys.readouterr().out == "0 held, 0 B\n"


def test_the_list_tells_when_each_is_removed_by_age(capsys: pytest.CaptureFixture[str]) -> None:
    _hold()
    assert main(["quarantine", "list"]) == 0
    text = capsys.readouterr().out
    assert ID in text
    assert f"{NOW + timedelta(days=30):%m-%d}" in text
    assert text.endswith("1 held, 33 B\n")


def test_show_gives_the_reason_the_header_and_the_beginning(capsys: pytest.CaptureFixture[str]) -> None:
    _hold()
    assert main(["quarantine", "show", ID]) == 0
    text = capsys.readouterr().out
    assert "why not (c.d)" in text
    assert "  | Subject: doubtful" in text
    assert "\ufffd[2J" in text


def test_show_raw_gives_every_octet(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    _hold()
    assert main(["quarantine", "show", ID, "--raw"]) == 0
    assert capfdbinary.readouterr().out == b"Subject: doubtful\r\n\r\nbody \xff\x1b[2J\r\n"


def test_several_are_released_at_once_and_one_that_fails_is_exit_1(capsys: pytest.CaptureFixture[str]) -> None:
    _hold()
    assert main(["quarantine", "release", ID, "nosuch"]) == 1
    told = capsys.readouterr()
    assert f"{ID} is released to" in told.out
    assert "no message nosuch" in told.err
    assert len(list(Path("var/mail/new").iterdir())) == 1


def test_released_ones_are_listed_with_all(capsys: pytest.CaptureFixture[str]) -> None:
    _hold()
    main(["quarantine", "delete", ID])
    capsys.readouterr()
    main(["quarantine", "list"])
    assert ID not in capsys.readouterr().out
    main(["quarantine", "list", "--all"])
    assert "deleted" in capsys.readouterr().out


# ── block ──


def test_a_block_has_an_end_and_an_undo(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["block", "add", "203.0.113.7", "--for", "2h", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    left = datetime.fromisoformat(told["until"]) - datetime.now(UTC)
    assert timedelta(minutes=119) < left <= timedelta(hours=2)
    assert main(["block", "remove", "203.0.113.7"]) == 0
    capsys.readouterr()
    main(["block", "list"])
    assert capsys.readouterr().out == "no network is blocked\n"


@pytest.mark.parametrize("network", ["127.0.0.1", "::1", "10.0.0.0/8", "not-a-network"])
def test_what_must_not_be_blocked_is_exit_1_and_not_blocked(network: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["block", "add", network]) == 1
    assert "  why: " in capsys.readouterr().err
    assert not Path("var").exists()


def test_whom_the_settings_protect_is_not_blocked(capsys: pytest.CaptureFixture[str]) -> None:
    Path("lockdown.toml").write_text('[monitoring]\nnever_block = ["198.51.100.0/24"]\n')
    open_store(Path("var")).close()
    assert main(["block", "add", "198.51.100.7"]) == 1
    assert "monitoring.never_block names it" in capsys.readouterr().err
    assert main(["block", "why", "198.51.100.7"]) == 1
    assert "never blocked" in capsys.readouterr().out


def test_why_tells_the_past_too(capsys: pytest.CaptureFixture[str]) -> None:
    main(["block", "add", "203.0.113.0/24", "--why", "floods"])
    main(["block", "remove", "203.0.113.0/24"])
    capsys.readouterr()
    assert main(["block", "why", "203.0.113.0/24"]) == 1
    assert "floods" in capsys.readouterr().out


def test_a_term_without_a_unit_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["block", "add", "203.0.113.7", "--for", "30"]) == 2
    assert "write it like `5m`" in capsys.readouterr().err


# ── doctor ──


def test_the_doctor_on_a_machine_where_nothing_runs_says_what_to_type(capsys: pytest.CaptureFixture[str]) -> None:
    Path("lockdown.toml").write_text('[gateway]\nlisten = ["127.0.0.1:9"]\n[console]\nlisten = "127.0.0.1:9"\n')
    assert main(["doctor", "--json"]) == 1
    symptoms = {entry["part"]: entry for entry in json.loads(capsys.readouterr().out)["symptoms"]}
    for part in ("gateway", "console", "agent"):
        assert symptoms[part]["state"] == "fail"
        assert "lockdown up" in symptoms[part]["try"]
    assert symptoms["versions"]["state"] == "pass"


def test_a_damaged_store_is_ill_and_the_rest_is_still_examined(capsys: pytest.CaptureFixture[str]) -> None:
    Path("var").mkdir(mode=0o700)
    Path("var/lockdown.db").write_bytes(b"not a database at all" * 1000)
    assert main(["doctor", "--json"]) == 1
    symptoms = {entry["part"]: entry for entry in json.loads(capsys.readouterr().out)["symptoms"]}
    assert symptoms["store"]["state"] == "fail"
    assert symptoms["store"]["try"]
    assert "upstream" in symptoms


def test_a_held_message_without_its_octets_is_ill(capsys: pytest.CaptureFixture[str]) -> None:
    _hold()
    next(Path("var/quarantine").glob("??/*.eml")).unlink()
    main(["doctor", "--json"])
    symptoms = {entry["part"]: entry for entry in json.loads(capsys.readouterr().out)["symptoms"]}
    assert symptoms["spool"]["state"] == "fail"
    assert ID in symptoms["spool"]["says"]


def test_a_state_directory_open_to_others_is_ill(capsys: pytest.CaptureFixture[str]) -> None:
    Path("var").mkdir(mode=0o755)
    main(["doctor", "--json"])
    symptoms = {entry["part"]: entry for entry in json.loads(capsys.readouterr().out)["symptoms"]}
    assert symptoms["state"]["state"] == "fail"
    assert symptoms["state"]["try"].startswith("chmod 700 ")


# ── init ──


def test_init_writes_a_file_that_is_right_and_says_what_it_saw(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init"]) == 0
    assert "next" in capsys.readouterr().out
    assert main(["config", "check"]) == 0


def test_init_never_overwrites(capsys: pytest.CaptureFixture[str]) -> None:
    Path("lockdown.toml").write_text("# mine\n")
    assert main(["init"]) == 2
    assert Path("lockdown.toml").read_text() == "# mine\n"
    assert "never overwritten" in capsys.readouterr().err


def test_init_into_a_folder_that_is_not_there_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "-o", "none/lockdown.toml"]) == 2
    assert "mkdir -p none" in capsys.readouterr().err
