"""Fits: CDNOW's published parameters, slopes, histories from files, and what can not be fitted."""

import random
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest

from agents.fitting import FitError
from agents.fitting.estimates import fit, in_weeks
from agents.fitting.histories import NO_CURRENCY, Histories, read_file
from agents.fitting.likelihoods import of_amounts, of_purchases
from schemas.parameters import Parameters

CDNOW = Path(__file__).parents[1] / "data" / "cdnow.csv"
CALIBRATION_END = date(1997, 9, 30)
FITTED_AT = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def cdnow() -> Histories:
    return read_file(CDNOW, CALIBRATION_END, "USD")


def a_file(folder: Path, *lines: str, header: str = "customer_id,occurred_at,amount") -> Path:
    path = folder / "purchases.csv"
    path.write_text("\n".join((header, *lines)) + "\n", encoding="utf-8")
    return path


def test_the_published_parameters_of_cdnow(cdnow: Histories) -> None:
    fitted = fit(cdnow, FITTED_AT)
    weeks = in_weeks(fitted.parameters)
    assert (weeks.customers, weeks.transactions, fitted.remarks) == (2357, 4814, [])
    bgnbd = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}  # Fader, Hardie, Lee 2005, table 2
    assert weeks.bgnbd.model_dump() == pytest.approx(bgnbd, rel=0.005)
    assert weeks.log_likelihood == pytest.approx(-9582.4, abs=0.1)
    assert weeks.gamma_gamma is not None
    amounts = {"p": 6.25, "q": 3.74, "v": 15.44}  # Fader, Hardie 2013
    assert weeks.gamma_gamma.model_dump(exclude={"currency"}) == pytest.approx(amounts, rel=0.005)
    assert (weeks.gamma_gamma.currency, weeks.unit, weeks.version) == ("USD", "weeks", 1_795_262_400)
    assert fitted.parameters.bgnbd.alpha == pytest.approx(7 * weeks.bgnbd.alpha)
    assert Parameters.model_validate_json(fitted.parameters.model_dump_json()) == fitted.parameters


def test_the_first_customers_of_cdnow_are_those_of_the_published_summary(cdnow: Histories) -> None:
    assert cdnow.repeats[:3].tolist() == [2, 1, 0]
    assert (cdnow.span[:2] / 7).round(2).tolist() == [30.43, 1.71]
    assert (cdnow.age[:2] / 7).round(2).tolist() == [38.86, 38.86]
    assert cdnow.mean[:3].tolist() == pytest.approx([22.345, 11.77, 0])


def test_the_order_of_transactions_does_not_matter(cdnow: Histories, tmp_path: Path) -> None:
    header, *lines = CDNOW.read_text(encoding="utf-8").splitlines()
    random.Random(5).shuffle(lines)
    shuffled = read_file(a_file(tmp_path, *lines, header=header), CALIBRATION_END, "USD")
    assert shuffled.edges == cdnow.edges
    fitted, same = (fit(histories, FITTED_AT).parameters for histories in (cdnow, shuffled))
    assert same.bgnbd.model_dump() == pytest.approx(fitted.bgnbd.model_dump(), rel=1e-4)


@pytest.mark.parametrize("parameters", [(0.243, 30.9, 0.793, 2.426), (3.0, 0.5, 0.01, 40.0)])
def test_slopes_of_purchases_are_those_of_the_likelihood(cdnow: Histories, parameters: tuple[float, ...]) -> None:
    assert_slopes(of_purchases(cdnow), parameters)


@pytest.mark.parametrize("parameters", [(6.25, 3.74, 15.44), (0.5, 20.0, 100.0)])
def test_slopes_of_amounts_are_those_of_the_likelihood(cdnow: Histories, parameters: tuple[float, ...]) -> None:
    paid = cdnow.mean > 0
    assert_slopes(of_amounts(cdnow.repeats[paid], cdnow.mean[paid]), parameters)


def assert_slopes(likelihood, parameters: tuple[float, ...]) -> None:
    _, slopes = likelihood(np.array(parameters))
    for place, slope in enumerate(slopes):
        step = np.zeros(len(parameters))
        step[place] = 1e-5 * parameters[place]
        rise = likelihood(parameters + step)[0] - likelihood(parameters - step)[0]
        assert slope == pytest.approx(rise / (2 * step[place]), rel=1e-4, abs=1e-3)


def test_a_day_counts_once_and_refunds_lower_the_amounts(tmp_path: Path) -> None:
    file = a_file(
        tmp_path,
        "1,2026-01-01T23:30:00Z,10",
        "1,2026-01-02T01:30:00+02:00,5",  # the same day, UTC
        "1,2026-01-03T12:00:00,20.50",
        "1,2026-01-04,-4.50",
        "2,2026-01-05,1",
        "2,2026-01-09,0",
        "3,2026-01-09,-7",
    )
    histories = read_file(file, None, None)
    assert histories.repeats.tolist() == [1, 1]
    assert histories.span.tolist() == [2, 4]
    assert histories.age.tolist() == [8, 4]
    assert histories.mean.tolist() == [16, 0]
    assert histories.currency == NO_CURRENCY
    assert histories.edges.recency_days == [1, 1, 7, 7]
    assert histories.edges.frequency == [2, 2, 3, 3]
    assert histories.edges.monetary == [1, 1, 31, 31]


@pytest.mark.parametrize(
    ("lines", "until", "message"),
    [
        (["1,2026-01-01,x"], None, "purchases.csv, line 2: amount: must be a number"),
        (["1,2026-01-01,1", "1,2026-01-01,inf"], None, "purchases.csv, line 3: amount: must be a number"),
        (["1,2026-01-01"], None, "purchases.csv, line 2: amount: must be a number"),
        (["1,yesterday,1"], None, "purchases.csv, line 2: occurred_at: must be a date or an instant"),
        ([], None, "purchases.csv: holds no purchase"),
        (["1,2026-01-01,1"], date(2025, 12, 31), "purchases.csv: holds no purchase until 2025-12-31"),
    ],
)
def test_what_can_not_be_read_is_named(tmp_path: Path, lines: list[str], until: date | None, message: str) -> None:
    with pytest.raises(FitError, match=f"^{message}"):
        read_file(a_file(tmp_path, *lines), until, None)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    with pytest.raises(FitError, match="column occurred_at is missing; needed are customer_id, occurred_at, amount"):
        read_file(a_file(tmp_path, header="customer_id,date,amount"), None, None)


def test_without_anybody_who_came_again_there_is_nothing_to_fit(tmp_path: Path) -> None:
    histories = read_file(a_file(tmp_path, "1,2026-01-01,1", "2,2026-01-05,1"), None, None)
    with pytest.raises(FitError, match="no customer bought on a second day"):
        fit(histories, FITTED_AT)


def test_amounts_that_tell_nothing_are_left_out_and_said(cdnow: Histories) -> None:
    same = cdnow._replace(mean=np.where(cdnow.repeats > 0, 5.0, 0.0))
    fitted = fit(same, FITTED_AT)
    assert fitted.parameters.gamma_gamma is None
    assert fitted.remarks == [
        "amounts: fewer than two customers with different repeat purchases; lifetime value is left out"
    ]


def test_amounts_without_a_mean_are_left_out_and_said(cdnow: Histories) -> None:
    wild = np.random.default_rng(1).pareto(0.4, len(cdnow.mean)) + 0.01
    fitted = fit(cdnow._replace(mean=np.where(cdnow.repeats > 0, wild, 0.0)), FITTED_AT)
    assert fitted.parameters.gamma_gamma is None
    assert fitted.remarks == ["amounts: they have no finite mean (q is not above 1); lifetime value is left out"]


def test_customers_who_never_leave_are_fitted_with_a_remark() -> None:
    random_ = np.random.default_rng(3)
    age = random_.uniform(100, 300, 400)
    repeats = random_.poisson(random_.gamma(2.0, 1 / 20, 400) * age).astype(float)
    span = np.where(repeats > 0, age * random_.beta(np.maximum(repeats, 1), 1), 0.0)
    edges = read_file(CDNOW, CALIBRATION_END, None).edges
    fitted = fit(Histories(repeats, span, age, np.zeros(400), edges, NO_CURRENCY), FITTED_AT)
    bgnbd = fitted.parameters.bgnbd
    assert bgnbd.a / (bgnbd.a + bgnbd.b) < 0.01
    assert (bgnbd.r, bgnbd.alpha) == (pytest.approx(2, rel=0.25), pytest.approx(20, rel=0.25))
