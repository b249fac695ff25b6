"""Each module is one contender: a process of its own that does the whole job."""

from typing import Final

WARMTH: Final = "Warmth"
PLAIN: Final = "Warmth without transactions"
FLOOR: Final = "floor: fetch, decode, count"
PEERS: Final = {
    "confluent_by_hand": "confluent-kafka by hand",
    "quix_streams": "Quix Streams",
    "bytewax_flow": "bytewax",
    "idiomatic_faust": "idiomatic Faust",
}
"""Module -> name in the tables."""
