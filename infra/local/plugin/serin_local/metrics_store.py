"""How metrics are stored, and the statistics that CloudWatch computes of them.

LocalStack selects a metric's rows with `LIKE '%Name=Value%'`, so that `Stage=prod` also counts `Stage=prod/Canary`, and
`ApiName=x` counts every stage of x. In CloudWatch a set of dimensions is one series. It also knows the five plain
statistics only; the trimmed count `TC(x:)`, by which evidence counts slow requests, is added.

LocalStack writes every value to the disk by itself, and reads every period by a query of its own: on a busy machine both
fall behind the load. Here all data of a call is one transaction, and all periods of a series are one query. A single value
is stored as a statistic set of one.
"""

import datetime
import re
import sqlite3
from collections.abc import Iterable
from typing import Any

from localstack.aws.api import CommonServiceException
from localstack.aws.api.cloudwatch import ScanBy
from localstack.services.cloudwatch.cloudwatch_database_helper import CloudwatchDatabase

_PLAIN = {
    "Sum": "SUM(sum)",
    "Average": "SUM(sum) * 1.0 / SUM(sample_count)",
    "Minimum": "MIN(min)",
    "Maximum": "MAX(max)",
    "SampleCount": "SUM(sample_count)",
}

_TRIMMED_COUNT = re.compile(r"TC\((\d+(?:\.\d+)?):\)")

_INSERT = """
INSERT INTO AGGREGATED_METRICS (account_id, region, namespace, metric_name, timestamp, dimensions, unit,
                                storage_resolution, sample_count, sum, min, max)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""

_QUERY = """
SELECT (timestamp - :start) / :period AS number, {statistic}
FROM AGGREGATED_METRICS
WHERE account_id = :account_id AND region = :region AND namespace = :namespace AND metric_name = :metric_name
  AND dimensions IS :dimensions AND timestamp >= :start AND timestamp < :end {unit}
GROUP BY number ORDER BY number
"""


def install() -> None:
    """Takes the place of LocalStack's own; ListMetrics goes on searching."""
    CloudwatchDatabase.add_metric_data = _add
    CloudwatchDatabase.get_metric_data_stat = _statistics


def _add(self: CloudwatchDatabase, account_id: str, region: str, namespace: str, metric_data: list[dict[str, Any]]) -> None:
    rows = []
    for datum in metric_data:
        at = datum.get("Timestamp") or datetime.datetime.now(datetime.UTC)
        dimensions = self._get_ordered_dimensions_with_separator(datum.get("Dimensions") or [])
        series = (account_id, region, namespace, datum["MetricName"], self._convert_timestamp_to_unix(at), dimensions)
        stored_as = (datum.get("Unit"), datum.get("StorageResolution"))
        rows.extend(series + stored_as + found for found in _sets(datum))
    with self.DATABASE_LOCK, sqlite3.connect(self.METRICS_DB) as connection:
        # It goes with the stack: a value that a power failure loses is nobody's loss.
        connection.execute("PRAGMA synchronous = OFF")
        connection.executemany(_INSERT, rows)


def _sets(datum: dict[str, Any]) -> Iterable[tuple[float, float, float, float]]:
    """Sample count, sum, minimum and maximum of all that a datum says."""
    if found := datum.get("StatisticValues"):
        yield found["SampleCount"], found["Sum"], found["Minimum"], found["Maximum"]
    if datum.get("Value") is not None:
        yield 1, datum["Value"], datum["Value"], datum["Value"]
    values = datum.get("Values") or []
    for value, count in zip(values, datum.get("Counts") or [1] * len(values), strict=True):
        yield count, value * count, value, value


def _statistics(
    self: CloudwatchDatabase,
    account_id: str,
    region: str,
    query: dict[str, Any],
    start_time: Any,
    end_time: Any,
    scan_by: str | None,
) -> dict[str, list[Any]]:
    """The periods that have data, with the value of each; newest first unless asked otherwise."""
    wanted = query["MetricStat"]
    metric, period, unit = wanted["Metric"], wanted["Period"], wanted.get("Unit")
    statistic, threshold = _statistic(wanted["Stat"])
    start = self._convert_timestamp_to_unix(start_time)
    values = {
        "account_id": account_id,
        "region": region,
        "namespace": metric.get("Namespace"),
        "metric_name": metric.get("MetricName"),
        "dimensions": self._get_ordered_dimensions_with_separator(metric.get("Dimensions") or []),
        "start": start,
        "end": self._convert_timestamp_to_unix(end_time),
        "period": period,
        "threshold": threshold,
        "unit": unit,
    }
    of_unit = "" if not unit else "AND unit IS NULL" if unit == "NULL_VALUE" else "AND unit = :unit"
    statement = _QUERY.format(statistic=statistic, unit=of_unit)
    with self.DATABASE_LOCK, sqlite3.connect(self.METRICS_DB_READ_ONLY, uri=True) as connection:
        found = connection.execute(statement, values).fetchall()
    if scan_by is None or scan_by == ScanBy.TimestampDescending:
        found.reverse()
    return {
        "timestamps": [start + number * period for number, _ in found],
        "values": [value for _, value in found],
    }


def _statistic(name: str) -> tuple[str, float | None]:
    """The expression for it, and the threshold in that, if there is one."""
    if name in _PLAIN:
        return _PLAIN[name], None
    trimmed = _TRIMMED_COUNT.fullmatch(name)
    if trimmed is None:
        raise CommonServiceException("ValidationError", f"The local stack does not know the statistic {name}", 400, True)
    # A set counts as a whole, by its minimum: the plugin publishes a set for each value, so that nothing is lost by that.
    return "SUM((min > :threshold) * sample_count)", float(trimmed[1])
