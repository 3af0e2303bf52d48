"""When alarms are evaluated, and on what.

CloudWatch evaluates an alarm every minute, and every 10 s if its period is shorter than a minute. LocalStack waits the
whole evaluation range (period x periods) between two looks. Here it is each minute for periods from 60 s, and every
2 s below: such periods exist here only so that a demo need not wait, and a test need not sleep.

The datapoints of the range are read in one call instead of one call each.
"""

import datetime
from collections.abc import Callable
from typing import Any

from localstack.services.cloudwatch import alarm_scheduler
from localstack.utils.patch import patch
from localstack.utils.scheduler import Scheduler

_EVERY_SECONDS = 60
_EVERY_SECONDS_IF_SHORT = 2


def install() -> None:
    """Replaces the pace and the reading."""
    alarm_scheduler.collect_metric_data = _collect

    @patch(Scheduler.schedule)
    def schedule(fn: Callable[..., Any], self: Scheduler, func: Any, period: Any = None, **kwargs: Any) -> Any:
        if func is alarm_scheduler.calculate_alarm_state:
            period = _pace(*kwargs["args"])
        return fn(self, func=func, period=period, **kwargs)

    @patch(Scheduler.add)
    def add(fn: Callable[..., Any], self: Scheduler, task: Any) -> None:
        # Two tasks of one deadline cannot be ordered by the scheduler's queue, and would end its thread.
        while any(deadline == task.deadline for deadline, _ in list(self._queue.queue)):
            task.deadline += 1e-4
        fn(self, task)


def _pace(alarm_arn: str) -> int:
    alarm = alarm_scheduler.get_metric_alarm_details_for_alarm_arn(alarm_arn)
    return _EVERY_SECONDS_IF_SHORT if alarm and alarm["Period"] < 60 else _EVERY_SECONDS


def _collect(alarm: dict[str, Any], client: Any) -> list[float | None]:
    """The values of the evaluation range, oldest first, None where there is no data."""
    periods = alarm["EvaluationPeriods"]
    count = periods + max(periods // 3, 2)
    length = datetime.timedelta(seconds=alarm["Period"])
    # Whole seconds: metrics are stored by the second, and a range must be exactly `count` periods.
    end = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    start = end - count * length
    query = alarm_scheduler.generate_metric_query(alarm)
    result = client.get_metric_data(MetricDataQueries=[query], StartTime=start, EndTime=end)["MetricDataResults"][0]
    values: list[float | None] = [None] * count
    for timestamp, value in zip(result["Timestamps"], result["Values"], strict=True):
        values[int((timestamp - start) / length)] = value
    return values
