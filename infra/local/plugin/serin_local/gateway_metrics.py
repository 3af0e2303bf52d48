"""The metrics of namespace AWS/ApiGateway, which LocalStack does not publish.

Count, 4XXError, 5XXError and Latency for {ApiName}, {ApiName, Stage} and, for what the canary answered, {ApiName,
Stage="<stage>/Canary"} as well. That the canary has a dimension of its own, and that the stage's own series includes
it, are assumptions about AWS: `docs/aws-fidelity.md`. AWS publishes each minute; here it is each second.
"""

import datetime
import logging
import queue
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from localstack.aws.connect import connect_to
from localstack.services.apigateway.next_gen.execute_api.gateway import RestApiGateway
from localstack.utils.patch import patch

LOG = logging.getLogger(__name__)


class Api(NamedTuple):
    """Whose metrics they are."""

    account: str
    region: str
    id: str


class Answer(NamedTuple):
    """One response of an API."""

    api: Api
    second: int
    stage: str
    is_canary: bool
    status: int
    latency_ms: float


_answers: "queue.Queue[Answer]" = queue.Queue()
_names: dict[Api, str] = {}


def install() -> None:
    """Watches every REST API and starts the publisher."""

    @patch(RestApiGateway.__init__)
    def init(fn: Callable[..., None], self: RestApiGateway) -> None:
        fn(self)
        self.request_handlers.insert(0, _arrived)
        self.response_handlers.append(_answered)

    threading.Thread(target=_publish_forever, name="serin-gateway-metrics", daemon=True).start()


def _arrived(_chain: Any, context: Any, _response: Any) -> None:
    context.serin_arrived = time.perf_counter()


def _answered(_chain: Any, context: Any, response: Any) -> None:
    deployment = getattr(context, "deployment", None)
    if deployment is None:
        return
    now = time.perf_counter()
    _answers.put(
        Answer(
            api=Api(deployment.account_id, deployment.region, context.api_id),
            second=int(time.time()),
            stage=context.stage,
            is_canary=bool(context.is_canary),
            status=response.status_code,
            latency_ms=(now - getattr(context, "serin_arrived", now)) * 1000,
        )
    )


def _publish_forever() -> None:
    while True:
        time.sleep(1)
        by_api: dict[Api, list[Answer]] = defaultdict(list)
        for _ in range(_answers.qsize()):
            answer = _answers.get()
            by_api[answer.api].append(answer)
        for api, answers in by_api.items():
            try:
                _publish(api, answers)
            except Exception:
                LOG.warning("metrics of API %s could not be published", api.id, exc_info=True)


def _publish(api: Api, answers: list[Answer]) -> None:
    values: dict[tuple[int, str | None, str], list[float]] = defaultdict(list)
    for answer in answers:
        for stage in _series(answer):
            for metric, value in _measures(answer):
                values[answer.second, stage, metric].append(value)
    name = _name(api)
    data = [_datum(name, stage, metric, second, found) for (second, stage, metric), found in values.items()]
    client = connect_to(region_name=api.region, aws_access_key_id=api.account).cloudwatch
    for start in range(0, len(data), 500):
        client.put_metric_data(Namespace="AWS/ApiGateway", MetricData=data[start : start + 500])


def _series(answer: Answer) -> Iterable[str | None]:
    yield None
    yield answer.stage
    if answer.is_canary:
        yield f"{answer.stage}/Canary"


def _measures(answer: Answer) -> Iterable[tuple[str, float]]:
    yield "Count", 1.0
    yield "4XXError", float(400 <= answer.status < 500)
    yield "5XXError", float(answer.status >= 500)
    yield "Latency", answer.latency_ms


def _datum(name: str, stage: str | None, metric: str, second: int, values: list[float]) -> dict[str, Any]:
    dimensions = [{"Name": "ApiName", "Value": name}]
    if stage is not None:
        dimensions.append({"Name": "Stage", "Value": stage})
    return {
        "MetricName": metric,
        "Unit": "Milliseconds" if metric == "Latency" else "Count",
        "Timestamp": datetime.datetime.fromtimestamp(second, datetime.UTC),
        "Dimensions": dimensions,
        "StatisticValues": {
            "SampleCount": len(values),
            "Sum": sum(values),
            "Minimum": min(values),
            "Maximum": max(values),
        },
    }


def _name(api: Api) -> str:
    if api not in _names:
        client = connect_to(region_name=api.region, aws_access_key_id=api.account).apigateway
        _names[api] = client.get_rest_api(restApiId=api.id)["name"]
    return _names[api]
