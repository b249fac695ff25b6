"""What Grafana's plug-in for ClickHouse makes of a panel's SQL."""

import re

DAYS = 90
"""The time that dashboards show, unless somebody chooses another."""


def as_grafana_sends(sql: str) -> str:
    """Put in what the plug-in puts in for its macros."""
    sql = sql.replace("$__fromTime", f"toDateTime(now() - INTERVAL {DAYS} DAY)")
    return re.sub(r"\$__timeFilter\((\w+)\)", rf"(\1 >= now() - INTERVAL {DAYS} DAY AND \1 <= now())", sql)
