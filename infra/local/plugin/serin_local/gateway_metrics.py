"""The metrics of namespace AWS/ApiGateway, which LocalStack does not publish.

Count, 4XXError, 5XXError and Latency for {ApiName}, {ApiName, Stage} and, for what the canary answered, the canary's own
value of the dimension Stage. AWS publishes each minute; here it is each second.

What that value is, and whether the stage's own series includes the canary, no page of AWS says (`docs/aws-fidelity.md`).
Unless tags of the API say otherwise, it is `STAGE/Canary` and it does:

    serin-local:canary-stage = VALUE            the canary's value of the dimension
    serin-local:stage-includes-canary = false   the stage's series counts the baseline's requests only
"""

import datetime
from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

from localstack.aws.connect import connect_to

from serin_local.gateway_answers import Answer, Api

_AT_ONCE = 500


class Naming(NamedTuple):
    """Under which dimensions an API's answers are counted."""

    api_name: str
    canary_stage: str | None
    """None is STAGE/Canary."""
    stage_includes_canary: bool

    def stages(self, answer: Answer) -> Iterable[str | None]:
        """The values of the dimension Stage that count this answer; None is the series of the whole API."""
        yield None
        if self.stage_includes_canary or not answer.is_canary:
            yield answer.stage
        if answer.is_canary:
            yield self.canary_stage or f"{answer.stage}/Canary"


_namings: dict[Api, Naming] = {}


def publish(api: Api, answers: list[Answer]) -> None:
    """Publishes one statistic set for each value of a metric in a second, so that values can be told apart later."""
    naming = _naming(api)
    counts: Counter[tuple[int, str | None, str, int]] = Counter()
    for answer in answers:
        for stage in naming.stages(answer):
            for metric, value in _measures(answer):
                counts[answer.at_ms // 1000, stage, metric, value] += 1
    data = [_datum(naming.api_name, *key, count) for key, count in counts.items()]
    client = connect_to(region_name=api.region, aws_access_key_id=api.account).cloudwatch
    for start in range(0, len(data), _AT_ONCE):
        client.put_metric_data(Namespace="AWS/ApiGateway", MetricData=data[start : start + _AT_ONCE])


def _measures(answer: Answer) -> Iterable[tuple[str, int]]:
    yield "Count", 1
    yield "4XXError", int(400 <= answer.status < 500)
    yield "5XXError", int(answer.status >= 500)
    yield "Latency", answer.latency_ms


def _datum(api_name: str, second: int, stage: str | None, metric: str, value: int, count: int) -> dict[str, Any]:
    dimensions = [{"Name": "ApiName", "Value": api_name}]
    if stage is not None:
        dimensions.append({"Name": "Stage", "Value": stage})
    return {
        "MetricName": metric,
        "Unit": "Milliseconds" if metric == "Latency" else "Count",
        "Timestamp": datetime.datetime.fromtimestamp(second, datetime.UTC),
        "Dimensions": dimensions,
        "StatisticValues": {"SampleCount": count, "Sum": value * count, "Minimum": value, "Maximum": value},
    }


def _naming(api: Api) -> Naming:
    if api not in _namings:
        client = connect_to(region_name=api.region, aws_access_key_id=api.account).apigateway
        tags = client.get_tags(resourceArn=f"arn:aws:apigateway:{api.region}::/restapis/{api.id}")["tags"]
        _namings[api] = Naming(
            api_name=client.get_rest_api(restApiId=api.id)["name"],
            canary_stage=tags.get("serin-local:canary-stage"),
            stage_includes_canary=tags.get("serin-local:stage-includes-canary") != "false",
        )
    return _namings[api]
