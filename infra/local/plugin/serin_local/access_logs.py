"""Access logs: a line in CloudWatch Logs for every request to a stage with accessLogSettings. LocalStack writes none.

The canary's lines are written to the stage's log group. On AWS they are also written to `GROUP/Canary`, which nothing here
reads.
"""

import logging
import re
from collections import defaultdict
from typing import Any

from botocore.exceptions import ClientError
from localstack.aws.connect import connect_to

from serin_local.gateway_answers import Answer, Api

LOG = logging.getLogger(__name__)

_VARIABLE = re.compile(r"\$context((?:\.[A-Za-z][A-Za-z0-9_]*)+)")


def write(api: Api, answers: list[Answer]) -> None:
    """Writes the lines of these answers, each stage's to the log group that it names."""
    lines: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for answer in answers:
        destination, line_format = answer.access_log.get("destinationArn"), answer.access_log.get("format")
        if destination and line_format:
            line = {"timestamp": answer.at_ms, "message": render(line_format, variables(answer))}
            lines[destination.split(":log-group:")[-1].removesuffix(":*"), answer.stage].append(line)
    for (group, stage), events in lines.items():
        _put(api, group, f"{api.id}/{stage}", sorted(events, key=lambda event: event["timestamp"]))


def variables(answer: Answer) -> dict[str, Any]:
    """What `$context` holds when the line is written: with the variables that only access logs have."""
    return answer.variables | {
        "status": answer.status,
        "responseLatency": answer.latency_ms,
        "responseLength": answer.length,
    }


def render(line_format: str, context: dict[str, Any]) -> str:
    """The line: every `$context.NAME` is replaced by its value, and by `-` where it has none."""

    def value(match: re.Match[str]) -> str:
        found: Any = context
        for name in match[1].removeprefix(".").split("."):
            found = found.get(name) if isinstance(found, dict) else None
        if isinstance(found, bool):
            return str(found).lower()
        return "-" if found is None or found == "" or isinstance(found, dict) else str(found)

    return _VARIABLE.sub(value, line_format)


def _put(api: Api, group: str, stream: str, events: list[dict[str, Any]]) -> None:
    client = connect_to(region_name=api.region, aws_access_key_id=api.account).logs
    try:
        client.create_log_stream(logGroupName=group, logStreamName=stream)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceAlreadyExistsException":
            LOG.warning("the access log of API %s cannot be written to %s: %s", api.id, group, error)
            return
    client.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)
