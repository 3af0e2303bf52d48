"""AWS::Logs::MetricFilter, which LocalStack's CloudFormation does not know."""

from typing import Any

from localstack.services.cloudformation.provider_utils import generate_default_name
from localstack.services.cloudformation.resource_provider import (
    CloudFormationResourceProviderPlugin,
    OperationStatus,
    ProgressEvent,
    ResourceProvider,
    ResourceRequest,
)


class MetricFilterProvider(ResourceProvider[dict[str, Any]]):
    """Makes, changes and deletes a metric filter by CloudWatch Logs' own API."""

    TYPE = "AWS::Logs::MetricFilter"
    SCHEMA = {"typeName": TYPE, "primaryIdentifier": ["/properties/LogGroupName", "/properties/FilterName"]}

    def create(self, request: ResourceRequest[dict[str, Any]]) -> ProgressEvent[dict[str, Any]]:
        """Puts the filter; its name is made up where the template gives none."""
        model = request.desired_state
        if not model.get("FilterName"):
            model["FilterName"] = generate_default_name(request.stack_name, request.logical_resource_id)
        request.aws_client_factory.logs.put_metric_filter(
            logGroupName=model["LogGroupName"],
            filterName=model["FilterName"],
            filterPattern=model["FilterPattern"],
            metricTransformations=[_transformation(found) for found in model["MetricTransformations"]],
        )
        return ProgressEvent(OperationStatus.SUCCESS, model)

    def update(self, request: ResourceRequest[dict[str, Any]]) -> ProgressEvent[dict[str, Any]]:
        """Putting a filter takes the place of the one of that name."""
        request.desired_state.setdefault("FilterName", (request.previous_state or {}).get("FilterName"))
        return self.create(request)

    def delete(self, request: ResourceRequest[dict[str, Any]]) -> ProgressEvent[dict[str, Any]]:
        """Deletes the filter."""
        model = request.desired_state
        request.aws_client_factory.logs.delete_metric_filter(
            logGroupName=model["LogGroupName"], filterName=model["FilterName"]
        )
        return ProgressEvent(OperationStatus.SUCCESS, {})


def _transformation(model: dict[str, Any]) -> dict[str, Any]:
    """A transformation of a template in the words of the API."""
    transformation = {name[0].lower() + name[1:]: value for name, value in model.items()}
    if "defaultValue" in transformation:
        transformation["defaultValue"] = float(transformation["defaultValue"])
    if "dimensions" in transformation:
        transformation["dimensions"] = {found["Key"]: found["Value"] for found in transformation["dimensions"]}
    return transformation


class MetricFilterPlugin(CloudFormationResourceProviderPlugin):
    """How CloudFormation finds the provider."""

    name = MetricFilterProvider.TYPE

    def load(self, *_args: Any, **_kwargs: Any) -> None:
        """Says what to make."""
        self.factory = MetricFilterProvider
