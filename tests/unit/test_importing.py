"""A table of receipts becomes events, one a receipt, whatever its columns are called."""

from zoneinfo import ZoneInfo

import pytest

from agents.importing import FIELDS, REQUIRED, TableError, columns_of, receipts
from core.admission import Admission, Admitted

MOSCOW = ZoneInfo("Europe/Moscow")
HEADER = [
    "store_id",
    "till_id",
    "receipt_no",
    "occurred_at",
    "total",
    "card",
    "product_id",
    "quantity",
    "price",
    "line_total",
]
NUMBER, RUB = {"number": "receipt_no"}, {"currency": "RUB"}


def row(number: str, product: str = "p", **other: str) -> dict[str, str]:
    values = ["s", "1", number, "2025-03-01 18:00:00", "30.00", "40001", product, "2", "15.00", "30.00"]
    return {**dict(zip(HEADER, values, strict=True)), **other}


def read(*rows: dict[str, str], header: list[str] = HEADER) -> list[dict]:
    return list(receipts(rows, columns_of(header, NUMBER, RUB), RUB, MOSCOW))


def test_the_rows_of_a_receipt_are_its_lines() -> None:
    first, second = read(row("1", "a"), row("1", "b"), row("2", "c"))
    assert [line["product_id"] for line in first["lines"]] == ["a", "b"]
    assert first["receipt"] == {"store_id": "s", "till_id": "1", "number": "1"}
    assert first["occurred_at"] == "2025-03-01T18:00:00+03:00"
    assert first["identifiers"] == [{"id_type": "card", "id_value": "40001"}]
    assert second["lines"] == [{"product_id": "c", "quantity": "2", "price": "15.00", "total": "30.00"}]
    for event in (first, second):
        assert isinstance(Admission("purchase", 10_000, {}).judge(event, 1_800_000_000_000_000), Admitted)


def test_the_same_receipt_has_the_same_id_and_a_return_another() -> None:
    again, returned = read(row("1")), read(row("1", refund_id="r"), header=[*HEADER, "refund_id"])
    assert read(row("1", "other"))[0]["event_id"] == again[0]["event_id"] != returned[0]["event_id"]
    assert (returned[0]["type"], returned[0]["refund_id"]) == ("receipt_refunded", "r")
    assert isinstance(Admission("purchase", 10_000, {}).judge(returned[0], 1_800_000_000_000_000), Admitted)


def test_what_can_not_be_read_is_left_to_the_scorer_to_refuse() -> None:
    (event,) = read(row("1", occurred_at="yesterday", total=""))
    assert event["occurred_at"] == "yesterday"
    assert "total" not in event


@pytest.mark.parametrize(
    ("header", "renamed", "fixed", "words"),
    [
        (HEADER, {}, RUB, "nothing says number"),
        (HEADER, NUMBER, {}, "nothing says currency"),
        (HEADER, {"number": "no"}, RUB, "no column 'no'"),
        (HEADER, {"nummer": "receipt_no"}, RUB, "no field is called 'nummer'"),
        (HEADER, NUMBER, {"colour": "red"}, "no field is called 'colour'"),
        ([], {}, {}, "nothing says"),
    ],
)
def test_a_table_that_does_not_fit_is_refused_before_anything_is_sent(header, renamed, fixed, words) -> None:
    with pytest.raises(TableError, match=words):
        columns_of(header, renamed, fixed)


def test_every_required_field_is_a_field() -> None:
    assert set(REQUIRED) <= set(FIELDS)
    assert len(FIELDS) == len(set(FIELDS))
