"""Thresholds that come from a template's parameter.

A parameter of type Number reaches a resource as a text. CloudFormation makes a number of it again; LocalStack does so for
whole numbers only, and an alarm's threshold is not one.
"""

from collections.abc import Callable
from typing import Any

from localstack.services.cloudwatch.resource_providers.aws_cloudwatch_alarm import CloudWatchAlarmProvider
from localstack.utils.patch import patch


def install() -> None:
    """Reads the threshold as a number when an alarm is made."""

    @patch(CloudWatchAlarmProvider.create)
    def create(fn: Callable[..., Any], self: CloudWatchAlarmProvider, request: Any) -> Any:
        threshold = request.desired_state.get("Threshold")
        if isinstance(threshold, str):
            request.desired_state["Threshold"] = float(threshold)
        return fn(self, request)
