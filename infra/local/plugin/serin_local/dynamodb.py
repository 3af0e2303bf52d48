"""DynamoDB by moto, in this process.

LocalStack's own provider downloads and runs a Java program. Moto changes its tables in place and takes a transaction
back by restoring copies of them, which loses what other threads wrote meanwhile; one lock makes every call atomic, and
that is what conditional writes and transactions of a claim rest on.
"""

import threading
from typing import Any

from localstack.aws.api import RequestContext
from localstack.aws.api.dynamodb import DynamodbApi
from localstack.aws.forwarder import ForwardingFallbackDispatcher
from localstack.services.moto import call_moto
from localstack.services.plugins import Service, aws_provider

_one_at_a_time = threading.Lock()


class MotoDynamodb(DynamodbApi):
    """Implements nothing itself, so that every operation falls through to moto."""


def _call_moto(context: RequestContext, request: Any) -> Any:
    with _one_at_a_time:
        return call_moto(context)


@aws_provider(api="dynamodb", name="serin")
def dynamodb() -> Service:
    """The provider that `PROVIDER_OVERRIDE_DYNAMODB=serin` selects."""
    return Service.for_provider(
        MotoDynamodb(),
        dispatch_table_factory=lambda provider: ForwardingFallbackDispatcher(provider, _call_moto),
    )
