"""API Gateway's answers where LocalStack's differ from what was recorded on AWS.

- CreateDeployment with a stage name and without canarySettings is refused while the stage has a canary, and otherwise
  leaves the stage's variables and settings alone (LocalStack accepts it and resets them).
- `remove /canarySettings` without a canary is a 400. (Not recorded on AWS, but likely; code that copes with a 400 copes
  with both.)
- A percentage that is no number from 0 to 100 is a 400 (LocalStack takes any number, and answers 500 to a word).
- `useStageCache` is a truth value in every answer (LocalStack keeps the text of the patch, which no SDK can read).
- One change of a stage at a time: LocalStack reads, copies and writes back, and would lose one of two.

A call with the header `x-serin-local-by-itself` is answered by LocalStack alone, so that a test can tell when one of
these is no longer needed.
"""

import math
import threading
from collections.abc import Callable
from typing import Any

from localstack.aws.api import RequestContext
from localstack.aws.api.apigateway import BadRequestException, ListOfPatchOperation
from localstack.services.apigateway.helpers import get_moto_rest_api
from localstack.services.apigateway.next_gen.provider import ApigatewayNextGenProvider
from localstack.utils.patch import patch

_one_change_at_a_time = threading.RLock()

# What a deployment leaves alone on the stage that it goes to.
_KEPT = ("variables", "access_log_settings", "method_settings", "tags", "tracing_enabled")


def install() -> None:
    """Wraps the two operations that change a stage."""

    @patch(ApigatewayNextGenProvider.create_deployment)
    def create_deployment(
        fn: Callable[..., Any],
        self: ApigatewayNextGenProvider,
        context: RequestContext,
        rest_api_id: str,
        stage_name: str | None = None,
        canary_settings: Any = None,
        variables: Any = None,
        **kwargs: Any,
    ) -> Any:
        request = dict(kwargs, stage_name=stage_name, canary_settings=canary_settings, variables=variables)
        if _by_itself(context):
            return fn(self, context, rest_api_id, **request)
        with _one_change_at_a_time:
            stages = get_moto_rest_api(context, rest_api_id).stages
            before = stages.get(stage_name) if stage_name and not canary_settings else None
            if before is not None and getattr(before, "canary_settings", None):
                raise BadRequestException(
                    "Invalid deployment content specified.Non canary deployment not supported on stage "
                    f"{stage_name} because Canary is enabled. Provide CanarySettings in deploymentInput."
                )
            kept = {name: getattr(before, name) for name in _KEPT if hasattr(before, name)}
            deployment = fn(self, context, rest_api_id, **request)
            for name, value in kept.items():
                if not request.get(name):
                    setattr(stages[stage_name], name, value)
            return deployment

    @patch(ApigatewayNextGenProvider.update_stage)
    def update_stage(
        fn: Callable[..., Any],
        self: ApigatewayNextGenProvider,
        context: RequestContext,
        rest_api_id: str,
        stage_name: str,
        patch_operations: ListOfPatchOperation | None = None,
        **kwargs: Any,
    ) -> Any:
        if _by_itself(context):
            return fn(self, context, rest_api_id, stage_name, patch_operations=patch_operations, **kwargs)
        with _one_change_at_a_time:
            stage = get_moto_rest_api(context, rest_api_id).stages.get(stage_name)
            if stage is not None:
                _check(patch_operations or [], has_canary=bool(getattr(stage, "canary_settings", None)))
            response = fn(self, context, rest_api_id, stage_name, patch_operations=patch_operations, **kwargs)
            canary = response.get("canarySettings")
            if canary and isinstance(canary.get("useStageCache"), str):
                # The response shares the stage's own settings, so this is what GetStage says too.
                canary["useStageCache"] = canary["useStageCache"].lower() == "true"
            return response


def _by_itself(context: RequestContext) -> bool:
    return "x-serin-local-by-itself" in context.request.headers


def _check(operations: ListOfPatchOperation, has_canary: bool) -> None:
    for operation in operations:
        path = operation.get("path") or ""
        if path == "/canarySettings" and operation.get("op") == "remove":
            if not has_canary:
                raise BadRequestException(
                    "Cannot remove method setting canarySettings because there is no method setting for this method "
                )
            has_canary = False
        elif path.startswith("/canarySettings/"):
            if path == "/canarySettings/percentTraffic" and operation.get("op") == "replace":
                _check_percentage(operation.get("value"))
            has_canary = True


def _check_percentage(value: str | None) -> None:
    try:
        percentage = float(value or "")
    except ValueError:
        percentage = math.nan
    if not 0.0 <= percentage <= 100.0:
        raise BadRequestException(f"Invalid canary percentTraffic {value}: must be a number from 0.0 to 100.0")
