"""Installs the plugin's parts when LocalStack starts, before any service is loaded."""

import os

from localstack.runtime import hooks

from serin_local import (
    alarm_actions,
    alarm_evaluation,
    cloudformation_numbers,
    exact_dimensions,
    executions,
    gateway_fidelity,
    gateway_metrics,
    lifeline,
)


@hooks.on_infra_start(priority=10)
def start() -> None:
    """Runs once per LocalStack process."""
    if os.environ.get("SERIN_LOCAL_LIFELINE") == "1":
        lifeline.watch_standard_input()
    cloudformation_numbers.install()
    exact_dimensions.install()
    alarm_evaluation.install()
    alarm_actions.install()
    gateway_metrics.install()
    gateway_fidelity.install()
    executions.install()
