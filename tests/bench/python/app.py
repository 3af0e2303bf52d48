"""The same rollback as Serin's, as one would write it for Lambda in Python: an alarm's direct action comes in, the stage it
guards is claimed and its canary removed, and the end is recorded. `make bench-lambda` measures it beside Serin's."""

import json
import os
from datetime import datetime, timezone

import boto3

TABLE = os.environ["TABLE_NAME"]
ACTIVE = ("preparing", "shifting", "promoting", "promoted")

# Outside of the handler, as AWS advises: made once, while Lambda initialises the function.
dynamodb = boto3.client("dynamodb")
apigateway = boto3.client("apigateway")


def handler(event, _context):
    if event["alarmData"]["state"]["value"] != "ALARM":
        return {"outcome": "nothing"}
    alarm = event["alarmArn"]
    reason = f"alarm {event['alarmData']['alarmName']} went into ALARM: {event['alarmData']['state']['reason']}"
    guarded = dynamodb.query(
        TableName=TABLE,
        KeyConditionExpression="pk = :alarm",
        ExpressionAttributeValues={":alarm": {"S": f"ALARM#{alarm}"}},
        ConsistentRead=True,
    )
    return {"outcome": "rolledBack", "stages": [roll_back(item, alarm, reason) for item in guarded["Items"]]}


def roll_back(item, alarm, reason):
    api, stage, rollout = (item[name]["S"] for name in ("restApiId", "stageName", "rolloutId"))
    key = {"pk": {"S": f"STAGE#{api}#{stage}"}, "sk": {"S": "CLAIM"}}
    active = {f":p{number}": {"S": phase} for number, phase in enumerate(ACTIVE)}
    dynamodb.update_item(
        TableName=TABLE,
        Key=key,
        ConditionExpression=f"#rolloutId = :rollout AND #phase IN ({', '.join(active)})",
        UpdateExpression="SET #from = #phase, #phase = :new, #reason = :reason",
        ExpressionAttributeNames={"#rolloutId": "rolloutId", "#phase": "phase", "#from": "from", "#reason": "reason"},
        ExpressionAttributeValues={
            ":rollout": {"S": rollout},
            ":new": {"S": "rollingBack"},
            ":reason": {"S": reason},
            **active,
        },
        ReturnValues="ALL_NEW",
    )
    apigateway.update_stage(
        restApiId=api, stageName=stage, patchOperations=[{"op": "remove", "path": "/canarySettings"}]
    )
    reset_at = datetime.now(timezone.utc).isoformat()
    claim = dynamodb.get_item(TableName=TABLE, Key=key, ConsistentRead=True)["Item"]
    end(claim, key, alarm, rollout)
    dynamodb.put_item(
        TableName=TABLE,
        Item={
            "pk": {"S": f"ROLLOUT#{rollout}"},
            "sk": {"S": f"AT#{reset_at}#rollback"},
            "text": {"S": f"rolled back from {claim['from']['S']}: {reason}; canary traffic zero at {reset_at}"},
        },
    )
    print(json.dumps({"level": "INFO", "message": "at the baseline", "rolloutId": rollout, "stage": f"{api}/{stage}"}))
    return {"stage": f"{api}/{stage}", "rolloutId": rollout, "resetAt": reset_at}


def end(claim, key, alarm, rollout):
    update = {
        "TableName": TABLE,
        "Key": key,
        "ConditionExpression": "#rolloutId = :rollout AND #phase = :old",
        "UpdateExpression": "SET #phase = :new",
        "ExpressionAttributeNames": {"#rolloutId": "rolloutId", "#phase": "phase"},
        "ExpressionAttributeValues": {
            ":rollout": {"S": rollout},
            ":old": {"S": "rollingBack"},
            ":new": {"S": "rolledBack"},
        },
    }
    guard = {"pk": {"S": f"ALARM#{alarm}"}, "sk": {"S": claim["pk"]["S"]}}
    dynamodb.transact_write_items(
        TransactItems=[{"Update": update}, {"Delete": {"TableName": TABLE, "Key": guard}}]
    )
