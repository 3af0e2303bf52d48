"""The lines of an access log, and what metric filters make of them."""

import unittest

from serin_local.access_logs import render, variables
from serin_local.filter_pattern import parse
from serin_local.gateway_answers import Answer, Api
from serin_local.metric_filters import check, values

FORMAT = (
    '{"isCanaryRequest":"$context.isCanaryRequest","status":"$context.status",'
    '"responseLatency":$context.responseLatency,"ip":"$context.identity.sourceIp","user":"$context.identity.user"}'
)


def line(canary: bool, status: int, latency_ms: int) -> str:
    context = {"isCanaryRequest": canary, "identity": {"sourceIp": "127.0.0.1", "user": None}}
    answer = Answer(Api("1", "us-east-1", "a1"), 0, "prod", canary, status, latency_ms, 12, context, {})
    return render(FORMAT, variables(answer))


def events(*lines: tuple[int, str]) -> list[dict[str, object]]:
    return [{"timestamp": at_ms, "message": message} for at_ms, message in lines]


class AccessLogs(unittest.TestCase):
    def test_a_line_has_what_the_format_names_and_a_dash_for_what_is_not_there(self) -> None:
        self.assertEqual(
            line(True, 503, 81),
            '{"isCanaryRequest":"true","status":"503","responseLatency":81,"ip":"127.0.0.1","user":"-"}',
        )
        self.assertEqual(render("$context.status. $context.a.b $context", {"status": 200}), "200. - $context")


class MetricFilters(unittest.TestCase):
    def made(self, pattern: str, transformation: dict[str, object], found: list[dict[str, object]]) -> list[object]:
        wanted = {"metricName": "m", "metricNamespace": "n", "metricValue": "1"} | transformation
        data = list(values(parse(pattern), wanted, found))
        told = [(datum["Timestamp"].timestamp(), datum["StatisticValues"], datum["Dimensions"]) for datum in data]
        return [(at, sets["SampleCount"], sets["Sum"], dimensions) for at, sets, dimensions in told]

    def test_a_filter_counts_its_matches_and_gives_its_default_where_there_are_none(self) -> None:
        found = events((1_000, line(True, 503, 5)), (1_900, line(True, 500, 5)), (2_100, line(False, 503, 5)))
        pattern = '{ $.isCanaryRequest = "true" && $.status = "5*" }'
        self.assertEqual(self.made(pattern, {"defaultValue": 0.0}, found), [(1.0, 2, 2.0, []), (2.0, 1, 0.0, [])])
        self.assertEqual(self.made(pattern, {}, found), [(1.0, 2, 2.0, [])])

    def test_a_filter_publishes_a_field_under_dimensions_that_are_fields(self) -> None:
        found = events((1_000, line(True, 200, 7)), (1_000, line(True, 200, 9)), (1_000, "no JSON"))
        transformation = {"metricValue": "$.responseLatency", "dimensions": {"Ip": "$.ip"}}
        ip = [{"Name": "Ip", "Value": "127.0.0.1"}]
        self.assertEqual(
            self.made("{ $.responseLatency >= 0 }", transformation, found), [(1.0, 1, 7.0, ip), (1.0, 1, 9.0, ip)]
        )
        lacking = {"metricValue": "1", "dimensions": {"Ip": "$.address"}}
        self.assertEqual(self.made("{ $.responseLatency >= 0 }", lacking, found), [])

    def test_a_default_value_and_dimensions_exclude_each_other(self) -> None:
        with self.assertRaisesRegex(Exception, "mutually exclusive"):
            check("", [{"defaultValue": 0, "dimensions": {"Ip": "$.ip"}}])
        with self.assertRaisesRegex(Exception, "only patterns for JSON"):
            check("ERROR", [])


if __name__ == "__main__":
    unittest.main()
