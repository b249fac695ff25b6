"""The same tables on every server of a cluster: replicated shards, and a distributed table before each of them.

ClickHouse's keeper and its macros `shard` and `replica` must be set up; nothing of this was run here, where there is one
server: the statements are parsed by the engine in the tests.
"""

import re
from collections.abc import Iterable
from typing import Final

_TABLE: Final = re.compile(
    r"CREATE TABLE IF NOT EXISTS (?P<name>\w+)(?P<columns>\s*\(.*\)\s*)ENGINE = (?P<engine>\w*)MergeTree(?P<tail>.*)",
    re.DOTALL,
)
_VIEW: Final = re.compile(
    r"CREATE MATERIALIZED VIEW IF NOT EXISTS (?P<name>\w+) TO (?P<target>\w+) AS"
    r"(?P<select>.*?FROM )(?P<source>\w+)(?P<tail>.*)",
    re.DOTALL,
)
_QUERY: Final = re.compile(
    r"ALTER TABLE (?P<name>\w+) MODIFY QUERY(?P<select>.*?FROM )(?P<source>\w+)(?P<tail>.*)", re.DOTALL
)
_ALTER: Final = re.compile(r"ALTER TABLE (?P<name>\w+)(?P<change>.*)", re.DOTALL)
_HEAD: Final = re.compile(
    r"(?P<head>CREATE (?:OR REPLACE )?VIEW (?:IF NOT EXISTS )?\w+|DROP VIEW IF EXISTS \w+"
    r"|CREATE ROLE IF NOT EXISTS \w+|REVOKE|GRANT)(?P<tail>.*)",
    re.DOTALL,
)
_SHARDED_BY: Final = {
    "outcomes": "cityHash64(topic, partition)",
    "dead_letters": "cityHash64(topic, partition)",
    "identity_links": "cityHash64(customer_key)",
    "page_daily": "cityHash64(page_path)",
    "segment_daily": "cityHash64(segment)",
}
"""What decides on which shard a row is; elsewhere it is the customer, whose rows stay together."""


def on_cluster(statements: Iterable[str], cluster: str) -> list[str]:
    """Return what brings about on every server of a cluster what `statements` do on one.

    Args:
        statements: Of a step.
        cluster: Name of the cluster in ClickHouse's configuration.

    Raises:
        ValueError: A statement is of a kind that is not known here.
    """
    return [found for statement in statements for found in _on_cluster(statement, f"ON CLUSTER {cluster}", cluster)]


def _on_cluster(statement: str, everywhere: str, cluster: str) -> list[str]:
    if match := _TABLE.fullmatch(statement):
        return _tables(match, everywhere, cluster)
    if match := _VIEW.fullmatch(statement):
        head = f"CREATE MATERIALIZED VIEW IF NOT EXISTS {match['name']} {everywhere} TO {match['target']}_local AS"
        return [f"{head}{match['select']}{match['source']}_local{match['tail']}"]
    if match := _QUERY.fullmatch(statement):
        head = f"ALTER TABLE {match['name']} {everywhere} MODIFY QUERY"
        return [f"{head}{match['select']}{match['source']}_local{match['tail']}"]
    if match := _ALTER.fullmatch(statement):
        names = [f"{match['name']}_local"] + [match["name"]] * ("ADD COLUMN" in match["change"])
        return [f"ALTER TABLE {name} {everywhere}{match['change']}" for name in names]
    if match := _HEAD.fullmatch(statement):
        return [f"{match['head']} {everywhere}{match['tail']}"]
    if statement.startswith("INSERT INTO"):
        return [statement]
    raise ValueError(f"not known how to do this on a cluster: {statement[:60]}")


def _tables(match: re.Match[str], everywhere: str, cluster: str) -> list[str]:
    name, engine = match["name"], match["engine"]
    tail = match["tail"].replace("non_replicated_deduplication_window", "replicated_deduplication_window")
    key = _SHARDED_BY.get(name, "cityHash64(customer_key)")
    return [
        f"CREATE TABLE IF NOT EXISTS {name}_local {everywhere}{match['columns']}ENGINE = Replicated{engine}MergeTree{tail}",
        f"CREATE TABLE IF NOT EXISTS {name} {everywhere} AS {name}_local"
        f" ENGINE = Distributed({cluster}, currentDatabase(), {name}_local, {key})",
    ]
