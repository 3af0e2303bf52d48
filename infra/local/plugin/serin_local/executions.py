"""Two things about executions that LocalStack leaves out.

- StopExecution keeps the error and the cause that it was given: otherwise neither DescribeExecution nor the event could
  say who stopped a rollout, and why.
- Times in a `Step Functions Execution Status Change` event are milliseconds since 1970, as on AWS, and not texts.
"""

import datetime
import json
from collections.abc import Callable
from typing import Any

from localstack.services.stepfunctions.backend import execution
from localstack.services.stepfunctions.backend.execution import Execution
from localstack.utils.patch import patch


def install() -> None:
    """Records error and cause before the worker is told to stop, and writes the event's times as numbers."""
    execution.to_json_str = _to_json

    @patch(Execution.stop)
    def stop(
        fn: Callable[..., Any],
        self: Execution,
        stop_date: datetime.datetime,
        error: str | None = None,
        cause: str | None = None,
    ) -> None:
        if self.stop_date is None:
            self.error, self.cause = error, cause
        fn(self, stop_date=stop_date, error=error, cause=cause)


def _to_json(value: Any, separators: tuple[str, str] | None = None) -> str:
    return json.dumps(value, default=_milliseconds, separators=separators)


def _milliseconds(value: Any) -> Any:
    return int(value.timestamp() * 1000) if isinstance(value, datetime.datetime) else str(value)
