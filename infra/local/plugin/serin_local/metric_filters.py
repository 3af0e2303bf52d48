"""Metric filters: what they make of the events of a log group.

LocalStack publishes for every event of every log group, whatever the filter says, and always the value 1. Here a filter
looks at its own group's events, by its pattern, and publishes what its transformation says: a number, or a field of the
event; under dimensions that are fields of the event; and the default value where events came in and none matched. AWS
does that each minute; here it is each second of the events' own time.

A filter of the same name takes the place of the one before. A pattern that is not understood is refused, and so is a
default value together with dimensions, as on AWS.
"""

import datetime
import json
import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from localstack.aws.api import RequestContext
from localstack.aws.api.logs import InvalidParameterException
from localstack.aws.connect import connect_to
from localstack.services.logs.models import get_moto_logs_backend
from localstack.services.logs.provider import LogsProvider
from localstack.services.moto import call_moto
from localstack.utils.patch import patch
from moto.logs.metric_filters import MetricFilters

from serin_local import filter_pattern

LOG = logging.getLogger(__name__)

_AT_ONCE = 500


def install() -> None:
    """Takes the place of LocalStack's filtering, and checks filters when they are made."""

    @patch(LogsProvider.put_log_events)
    def put_log_events(
        _fn: Callable[..., Any],
        _self: LogsProvider,
        context: RequestContext,
        log_group_name: str,
        log_stream_name: str,
        log_events: list[dict[str, Any]],
        **_kwargs: Any,
    ) -> Any:
        answer = call_moto(context)
        filters = get_moto_logs_backend(context.account_id, context.region).filters.metric_filters
        try:
            _publish(context, [found for found in filters if found["logGroupName"] == log_group_name], log_events)
        except Exception:
            LOG.warning("the metric filters of %s failed", log_group_name, exc_info=True)
        return answer

    @patch(MetricFilters.add_filter)
    def add_filter(
        fn: Callable[..., None],
        self: MetricFilters,
        filter_name: str,
        pattern: str,
        log_group_name: str,
        transformations: list[dict[str, Any]],
    ) -> None:
        check(pattern, transformations)
        self.delete_filter(filter_name, log_group_name)
        fn(self, filter_name, pattern, log_group_name, transformations)


def check(pattern: str, transformations: list[dict[str, Any]]) -> None:
    """Raises InvalidParameterException for what AWS refuses, and for what is not known here."""
    try:
        filter_pattern.parse(pattern)
    except filter_pattern.PatternError as error:
        raise InvalidParameterException(f"Invalid metric filter pattern: {error}") from error
    for transformation in transformations:
        if transformation.get("dimensions") and transformation.get("defaultValue") is not None:
            raise InvalidParameterException(
                "Invalid metric transformation: dimensions and default value are mutually exclusive properties."
            )


def _publish(context: RequestContext, filters: list[dict[str, Any]], events: list[dict[str, Any]]) -> None:
    data: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for metric_filter in filters:
        matches = filter_pattern.parse(metric_filter["filterPattern"])
        for transformation in metric_filter["metricTransformations"]:
            data[transformation["metricNamespace"]].extend(values(matches, transformation, events))
    client = connect_to(region_name=context.region, aws_access_key_id=context.account_id).cloudwatch
    for namespace, found in data.items():
        for start in range(0, len(found), _AT_ONCE):
            client.put_metric_data(Namespace=namespace, MetricData=found[start : start + _AT_ONCE])


def values(
    matches: Callable[[str], bool], transformation: dict[str, Any], events: list[dict[str, Any]]
) -> Iterable[dict[str, Any]]:
    """The data of one transformation: a statistic set for each value and each set of dimensions in a second."""
    counts: dict[int, Counter[tuple[tuple[tuple[str, str], ...], float]]] = defaultdict(Counter)
    for event in events:
        counted = counts[event["timestamp"] // 1000]
        if matches(event["message"]):
            value = _resolve(transformation["metricValue"], event["message"])
            dimensions = _dimensions(transformation.get("dimensions") or {}, event["message"])
            if isinstance(value, (int, float)) and dimensions is not None:
                counted[dimensions, float(value)] += 1
    default = transformation.get("defaultValue")
    for second, counted in counts.items():
        if not counted and default is not None:
            counted[(), float(default)] += 1
        for (dimensions, value), count in counted.items():
            yield {
                "MetricName": transformation["metricName"],
                "Unit": transformation.get("unit") or "None",
                "Timestamp": datetime.datetime.fromtimestamp(second, datetime.UTC),
                "Dimensions": [{"Name": name, "Value": found} for name, found in dimensions],
                "StatisticValues": {"SampleCount": count, "Sum": value * count, "Minimum": value, "Maximum": value},
            }


def _dimensions(wanted: dict[str, str], message: str) -> tuple[tuple[str, str], ...] | None:
    """None if the event lacks one of the fields: such an event makes no datapoint."""
    found = {name: _resolve(selector, message) for name, selector in wanted.items()}
    if any(value is None for value in found.values()):
        return None
    return tuple((name, str(value)) for name, value in sorted(found.items()))


def _resolve(value: str, message: str) -> Any:
    """A number as it stands, or the field that `$.NAME` selects."""
    if not value.startswith("$."):
        return float(value)
    return filter_pattern.select(json.loads(message), value.removeprefix("$.").split("."))
