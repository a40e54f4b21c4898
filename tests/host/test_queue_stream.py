"""The queue as a stream: whole, or an error; never a part that looks like the whole."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from lockdown.host.queue_stream import exim_queue, postfix_queue
from lockdown.model.errors import OperatorError

MESSAGE = (
    '{"queue_name": "hold", "queue_id": "B1C2D", "arrival_time": 1, "message_size": 9, "sender": "", "recipients": []}'
)


def server(folder: Path, name: str, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_each_line_is_a_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server(tmp_path, "postqueue", f"echo '{MESSAGE}'; echo nonsense", monkeypatch)
    first, second = postfix_queue()
    assert first is not None and first.queue_id == "B1C2D" and second is None


@pytest.mark.parametrize("script", [f"echo '{MESSAGE}'; exit 69", f"echo '{MESSAGE}'; exec sleep 9"])
def test_a_server_that_breaks_off_is_an_error(script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server(tmp_path, "postqueue", script, monkeypatch)
    with pytest.raises(OperatorError, match="could not be read"):
        list(postfix_queue(seconds=0.3))


def test_a_server_that_is_not_there_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for queue in (postfix_queue(), exim_queue(datetime.now(UTC))):
        with pytest.raises(OperatorError, match="could not be read"):
            list(queue)


def test_the_queue_of_exim_is_asked_for_what_is_not_delivered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = 'test "$*" = -bpu && printf " 4h  12 1tiX2y-0004Xz-1B <a@b>\\n          c@d\\n\\n"'
    server(tmp_path, "exim4", script, monkeypatch)
    (entry,) = exim_queue(datetime.now(UTC))
    assert entry is not None and entry.recipients == ("c@d",)


def test_who_reads_no_further_leaves_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server(tmp_path, "postqueue", f"echo $$ > {tmp_path}/pid; echo '{MESSAGE}'; exec sleep 60", monkeypatch)
    queue = postfix_queue()
    next(queue)
    pid = int((tmp_path / "pid").read_text())
    queue.close()  # type: ignore[attr-defined]
    assert not Path(f"/proc/{pid}").exists()
