"""What follows a change of an alarm's state: its actions and its event on EventBridge.

LocalStack has no event, and runs the actions one after the other, synchronously and inside CloudWatch's lock: a rollback
function that asks for alarms would wait for itself, and the first action that fails hides the rest. CloudWatch invokes
asynchronously and independently. Payloads are the recorded ones, with one timestamp in all of them.
"""

import datetime
import json
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from localstack.aws.api import RequestContext
from localstack.aws.connect import connect_to
from localstack.services.cloudwatch import provider_v2
from localstack.services.cloudwatch.provider_v2 import CloudwatchProvider
from localstack.utils.aws import arns
from localstack.utils.patch import patch

LOG = logging.getLogger(__name__)

_ACTIONS = {"OK": "OKActions", "ALARM": "AlarmActions", "INSUFFICIENT_DATA": "InsufficientDataActions"}
_deliveries = ThreadPoolExecutor(max_workers=8, thread_name_prefix="serin-alarm")


def install() -> None:
    """Takes the actions out of LocalStack's hands, and follows every change of state, composite alarms' included."""

    @patch(CloudwatchProvider.set_alarm_state)
    def set_alarm_state(
        fn: Callable[..., Any], self: CloudwatchProvider, context: RequestContext, alarm_name: str, **kwargs: Any
    ) -> None:
        arn = arns.cloudwatch_alarm_arn(alarm_name, account_id=context.account_id, region_name=context.region)
        with provider_v2._STORE_LOCK:
            stored = self.get_store(context.account_id, context.region).alarms.get(arn)
            alarm = stored.alarm if stored else {}
            enabled = alarm.get("ActionsEnabled", True)
            before = _state(alarm) if stored else {}
            alarm["ActionsEnabled"] = False
            try:
                fn(self, context, alarm_name, **kwargs)
            finally:
                alarm["ActionsEnabled"] = enabled
            if stored and enabled and before["value"] != alarm["StateValue"]:
                _act(stored, before)

    @patch(CloudwatchProvider._update_state)
    def update_state(
        fn: Callable[..., Any], self: CloudwatchProvider, context: RequestContext, alarm: Any, *args: Any, **kwargs: Any
    ) -> None:
        before = _state(alarm.alarm)
        fn(self, context, alarm, *args, **kwargs)
        entry = _event(alarm.alarm, before)
        client = connect_to(region_name=context.region, aws_access_key_id=context.account_id).events
        _deliver("EventBridge", lambda: client.put_events(Entries=[entry]))


def _act(stored: Any, before: dict[str, Any]) -> None:
    for action in stored.alarm.get(_ACTIONS[stored.alarm["StateValue"]]) or []:
        target = arns.parse_arn(action)
        clients = connect_to(region_name=target["region"], aws_access_key_id=target["account"])
        if target["service"] == "lambda":
            payload = _lambda_payload(stored, before)
            _deliver(action, _invoke(clients.lambda_, action, payload))
        elif target["service"] == "sns":
            message = provider_v2.create_message_response_update_state_sns(stored, before["value"])
            message = json.dumps(json.loads(message) | {"StateChangeTime": _time(stored.alarm)})
            subject = f'{stored.alarm["StateValue"]}: "{stored.alarm["AlarmName"]}" in {target["region"]}'
            _deliver(action, _publish(clients.sns, action, subject, message))
        else:
            LOG.warning("alarm action %s is not supported here", action)


def _invoke(client: Any, function: str, payload: str) -> Callable[[], Any]:
    return lambda: client.invoke(FunctionName=function, InvocationType="Event", Payload=payload)


def _publish(client: Any, topic: str, subject: str, message: str) -> Callable[[], Any]:
    return lambda: client.publish(TopicArn=topic, Subject=subject[:100], Message=message)


def _deliver(target: str, call: Callable[[], Any]) -> None:
    def run() -> None:
        try:
            call()
        except Exception:
            LOG.error("alarm state change was not delivered to %s", target, exc_info=True)

    _deliveries.submit(run)


def _lambda_payload(stored: Any, before: dict[str, Any]) -> str:
    alarm = stored.alarm
    return json.dumps(
        {
            "source": "aws.cloudwatch",
            "alarmArn": alarm["AlarmArn"],
            "accountId": stored.account_id,
            "time": _time(alarm),
            "region": stored.region,
            "alarmData": {
                "alarmName": alarm["AlarmName"],
                "state": _state(alarm),
                "previousState": before,
                "configuration": _configuration(alarm),
            },
        }
    )


def _event(alarm: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    return {
        "Source": "aws.cloudwatch",
        "DetailType": "CloudWatch Alarm State Change",
        "Resources": [alarm["AlarmArn"]],
        "Detail": json.dumps(
            {
                "alarmName": alarm["AlarmName"],
                "state": _state(alarm),
                "previousState": before,
                "configuration": _configuration(alarm),
            }
        ),
    }


def _state(alarm: dict[str, Any]) -> dict[str, Any]:
    state = {"value": alarm["StateValue"], "reason": alarm.get("StateReason") or "", "timestamp": _time(alarm)}
    if alarm.get("StateReasonData"):
        state["reasonData"] = alarm["StateReasonData"]
    return state


def _configuration(alarm: dict[str, Any]) -> dict[str, Any]:
    if "AlarmRule" in alarm:
        return {"description": alarm.get("AlarmDescription") or "", "alarmRule": alarm["AlarmRule"]}
    metric = {
        "namespace": alarm.get("Namespace"),
        "name": alarm.get("MetricName"),
        "dimensions": {found["Name"]: found["Value"] for found in alarm.get("Dimensions") or []},
    }
    stat = {"metric": metric, "period": alarm.get("Period"), "stat": alarm.get("Statistic")}
    return {
        "description": alarm.get("AlarmDescription") or "",
        "metrics": [{"id": "m1", "metricStat": stat, "returnData": True}],
    }


def _time(alarm: dict[str, Any]) -> str:
    """CloudWatch's own form, `2023-08-04T12:36:15.490+0000`."""
    changed = alarm["StateUpdatedTimestamp"]
    if isinstance(changed, datetime.datetime):
        return changed.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"
    return str(changed)
