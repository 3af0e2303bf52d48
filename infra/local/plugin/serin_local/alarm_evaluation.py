"""When alarms are evaluated, and on what.

CloudWatch evaluates an alarm every minute, and every 10 s if its period is shorter than a minute. LocalStack waits the
whole evaluation range (period x periods) between two looks, and makes one HTTP call to itself for the alarm and one for each
datapoint; with some ten alarms its one thread falls behind, and new alarms are never reached. Here it is each minute for
periods from 60 s, every 2 s below (such periods exist only so that a demo need not wait, and a test need not sleep), the
alarm and all datapoints are read in this process, and a late look is not made up for.
"""

import datetime
import time
from collections.abc import Callable
from typing import Any

from localstack.services.cloudwatch import alarm_scheduler
from localstack.services.cloudwatch.cloudwatch_database_helper import CloudwatchDatabase
from localstack.services.cloudwatch.models import cloudwatch_stores
from localstack.utils.aws import arns
from localstack.utils.patch import patch
from localstack.utils.scheduler import ScheduledTask, Scheduler

_EVERY_SECONDS = 60
_EVERY_SECONDS_IF_SHORT = 2


def install() -> None:
    """Replaces the pace and the reading."""
    alarm_scheduler.get_metric_alarm_details_for_alarm_arn = _alarm
    alarm_scheduler.collect_metric_data = _collect
    # Two tasks of one deadline cannot be ordered by the scheduler's queue, and would end its thread.
    ScheduledTask.__lt__ = _by_identity

    @patch(Scheduler.schedule)
    def schedule(fn: Callable[..., Any], self: Scheduler, func: Any, period: Any = None, **kwargs: Any) -> Any:
        if func is alarm_scheduler.calculate_alarm_state:
            alarm = _alarm(*kwargs["args"])
            period = _EVERY_SECONDS_IF_SHORT if alarm and alarm["Period"] < 60 else _EVERY_SECONDS
            kwargs["fixed_rate"] = False
        return fn(self, func=func, period=period, **kwargs)


def _by_identity(one: ScheduledTask, other: ScheduledTask) -> bool:
    return id(one) < id(other)


def _alarm(alarm_arn: str) -> dict[str, Any] | None:
    arn = arns.parse_arn(alarm_arn)
    stored = cloudwatch_stores[arn["account"]][arn["region"]].alarms.get(alarm_arn)
    return dict(stored.alarm) if stored and "Period" in stored.alarm else None


def _collect(alarm: dict[str, Any], client: Any) -> list[float | None]:
    """The values of the evaluation range, oldest first, None where there is no data.

    Periods begin at multiples of their length, as in CloudWatch, and the one under way is the last: what made a period bad
    stays in it. A range that slid along would cut it in two, and the alarm would go back and forth.
    """
    periods, length = alarm["EvaluationPeriods"], alarm["Period"]
    # More than asked for, to stand in for what is missing.
    count = periods + max(periods // 3, 2)
    end = (int(time.time()) // length + 1) * length
    start = end - count * length
    arn = arns.parse_arn(alarm["AlarmArn"])
    found = CloudwatchDatabase().get_metric_data_stat(
        account_id=arn["account"],
        region=arn["region"],
        query=alarm_scheduler.generate_metric_query(alarm),
        start_time=datetime.datetime.fromtimestamp(start, datetime.UTC),
        end_time=datetime.datetime.fromtimestamp(end, datetime.UTC),
        scan_by=None,
    )
    values: list[float | None] = [None] * count
    for timestamp, value in zip(found["timestamps"], found["values"], strict=True):
        values[(timestamp - start) // length] = value
    return values if None in values[-periods:] else values[-periods:]
