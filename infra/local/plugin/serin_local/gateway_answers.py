"""Every response of a REST API, handed on once a second to what makes metrics and access logs of it."""

import logging
import queue
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any, NamedTuple

from localstack.services.apigateway.next_gen.execute_api.gateway import RestApiGateway
from localstack.utils.patch import patch

LOG = logging.getLogger(__name__)


class Api(NamedTuple):
    """Whose answers they are."""

    account: str
    region: str
    id: str


class Answer(NamedTuple):
    """One response of an API."""

    api: Api
    at_ms: int
    """When it was given, in milliseconds since 1970."""
    stage: str
    is_canary: bool
    status: int
    latency_ms: int
    """From the request's arrival, in whole milliseconds, as API Gateway measures."""
    length: int
    """Of the body, in bytes."""
    variables: dict[str, Any]
    """What `$context` was."""
    access_log: dict[str, str]
    """The stage's accessLogSettings: destinationArn and format; empty if it has none."""


_answers: "queue.Queue[Answer]" = queue.Queue()
_consumers: list[Callable[[Api, list[Answer]], None]] = []


def install(*consumers: Callable[[Api, list[Answer]], None]) -> None:
    """Watches every REST API; each consumer gets the answers of one API at a time."""
    _consumers.extend(consumers)

    @patch(RestApiGateway.__init__)
    def init(fn: Callable[..., None], self: RestApiGateway) -> None:
        fn(self)
        self.request_handlers.insert(0, _arrived)
        self.response_handlers.append(_answered)

    threading.Thread(target=_hand_on_forever, name="serin-gateway-answers", daemon=True).start()


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
            at_ms=int(time.time() * 1000),
            stage=context.stage,
            is_canary=bool(context.is_canary),
            status=response.status_code,
            latency_ms=round((now - getattr(context, "serin_arrived", now)) * 1000),
            length=response.calculate_content_length() or 0,
            variables=context.context_variables or {},
            access_log=context.stage_configuration.get("accessLogSettings") or {},
        )
    )


def _hand_on_forever() -> None:
    while True:
        time.sleep(1)
        by_api: dict[Api, list[Answer]] = defaultdict(list)
        for _ in range(_answers.qsize()):
            answer = _answers.get()
            by_api[answer.api].append(answer)
        for api, answers in by_api.items():
            for consumer in _consumers:
                try:
                    consumer(api, answers)
                except Exception:
                    LOG.warning("%s failed for API %s", consumer.__module__, api.id, exc_info=True)
