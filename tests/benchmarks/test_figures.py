"""The arithmetic of the benchmarks, on numbers that one can check by hand."""

import json
from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.figures import Figure, Leg, LostMessages, Sign, Target, Unmeasurable, pairwise_ratio, percentile
from benchmarks.session import Measured, Setup


def test_a_ratio_is_the_median_of_the_pairs_and_not_the_ratio_of_the_medians():
    # While the machine was slow both legs were: the pairs say 0.5, 0.5 and 0.9; the medians alone would say 0.45.
    assert pairwise_ratio([500.0, 50.0, 90.0], [1000.0, 100.0, 100.0]) == 0.5


@pytest.mark.parametrize(("subject", "reference"), [([1.0], [1.0, 2.0]), ([], [])])
def test_legs_without_a_neighbour_are_refused(subject: list[float], reference: list[float]):
    with pytest.raises(ValueError, match="cannot be paired"):
        pairwise_ratio(subject, reference)


def test_the_rate_and_the_cost_of_a_leg():
    leg = Leg("proxy", sent=1000, arrived=1000, seconds=2.0, octets=5_000_000, cpu_seconds=0.1)
    assert (leg.rate, leg.megabytes_a_second, leg.cpu_microseconds) == (500.0, 2.5, 100.0)


def test_a_leg_that_lost_a_message_has_no_rate():
    with pytest.raises(LostMessages, match="1000 sent and accepted, 999 arrived: 1 lost"):
        Leg("proxy", sent=1000, arrived=999, seconds=1.0).checked()


def test_a_leg_that_doubled_a_message_has_no_rate():
    with pytest.raises(LostMessages, match="2 delivered twice"):
        Leg("proxy", sent=10, arrived=12, seconds=1.0).checked()


def test_a_percentile_is_a_value_that_was_measured():
    values = [float(value) for value in range(100, 0, -1)]
    assert (percentile(values, 0.5), percentile(values, 0.99)) == (51.0, 100.0)
    assert percentile([7.0], 0.99) == 7.0


def test_a_target_is_met_at_its_bound_and_missed_beyond_it():
    at_least, at_most = Target(Sign.AT_LEAST, 0.7), Target(Sign.AT_MOST, 4.0)
    assert (at_least.met_by(0.7), at_least.met_by(0.69), at_most.met_by(4.0), at_most.met_by(4.1)) == (
        True, False, True, False,
    )  # fmt: skip


def _one_figure(value: float) -> Figure:
    return Figure("group", "name", value, "x", "by hand", Target(Sign.AT_LEAST, 1.0))


def _then_a_loss(setup: Setup) -> Measured:
    yield _one_figure(2.0)
    raise LostMessages("proxy: 10 sent and accepted, 9 arrived: 1 lost")


def _missed(setup: Setup) -> Measured:
    yield _one_figure(0.5)


def _impossible(setup: Setup) -> Measured:
    raise Unmeasurable("smtp-sink is not installed (apt-get install postfix)")
    yield


def _document(folder: Path) -> dict[str, list[dict[str, object]]]:
    found: dict[str, list[dict[str, object]]] = json.loads((folder / "latest.json").read_text())
    return found


def test_a_run_that_loses_mail_says_so_and_ends_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["lossy", "--out", str(tmp_path)], {"lossy": _then_a_loss}) == 1
    assert "MAIL WAS LOST OR DOUBLED: proxy: 10 sent and accepted, 9 arrived" in capsys.readouterr().err
    assert "MAIL WAS LOST" in str(_document(tmp_path)["not_measured"][0]["why"])
    assert _document(tmp_path)["figures"][0]["verdict"] == "met"


def test_a_missed_target_is_said_but_does_not_fail_the_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["slow", "--out", str(tmp_path)], {"slow": _missed}) == 0
    assert "0 targets met, 1 not met" in capsys.readouterr().out
    assert _document(tmp_path)["figures"][0]["verdict"] == "NOT MET"


def test_a_run_that_could_measure_nothing_is_no_success(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["nothing", "--out", str(tmp_path)], {"nothing": _impossible}) == 1
    assert "smtp-sink is not installed" in capsys.readouterr().out


def test_an_unknown_measurement_is_a_usage_error(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended:
        main(["thruput"])
    assert ended.value.code == 2
    assert "there is no measurement 'thruput'" in capsys.readouterr().err
