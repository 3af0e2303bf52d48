"""What LocalStack does after every invocation and nobody here reads.

It publishes the metric `Invocations` and writes the log to CloudWatch Logs: two more calls to itself, each in a thread of its
own, which cost more than the invocation. Logs are files here (`sandbox.log_file`). The metric `Errors` stays, for alarms
on the functions themselves.
"""

from typing import Any

from localstack.services.lambda_.invocation import version_manager
from localstack.services.lambda_.invocation.logs import LogHandler
from localstack.utils.patch import patch


def install() -> None:
    """Leaves both out."""
    version_manager.record_cw_metric_invocation = _nothing

    @patch(LogHandler.add_logs)
    def add_logs(fn: Any, self: LogHandler, log_item: Any) -> None:
        """The line is in the function's file already."""


def _nothing(**_metric: Any) -> None:
    """Not published."""
