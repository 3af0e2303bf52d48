"""What filter patterns match, and what is refused. Run from the folder above: python -m unittest discover tests."""

import json
import unittest

from serin_local.filter_pattern import PatternError, parse

CANARY_503 = {"isCanaryRequest": "true", "status": "503", "responseLatency": 812, "caller": {"name": "shop"}}


class FilterPattern(unittest.TestCase):
    def test_events_match_as_the_pattern_says(self) -> None:
        table = [
            ('{ $.isCanaryRequest = "true" }', True),
            ('{ $.isCanaryRequest = "false" }', False),
            ('{ $.isCanaryRequest = true }', True),
            ('{ $.isCanaryRequest != "false" }', True),
            ('{ $.isCanaryRequest = "true" && $.status = "5*" }', True),
            ('{ $.isCanaryRequest = "true" && $.status = "4*" }', False),
            ('{ $.status = "5?3" }', False),
            ('{ $.status = "[5]03" }', False),
            ("{ $.responseLatency >= 812 }", True),
            ("{ $.responseLatency > 812 }", False),
            ("{ $.responseLatency < 812.5 }", True),
            ("{ $.responseLatency != 812 }", False),
            ('{ $.caller.name = "shop" }', True),
            ('{ $.status = "4*" || $.status = "5*" && $.responseLatency >= 800 }', True),
            ('{ ($.status = "4*" || $.status = "5*") && $.responseLatency < 800 }', False),
            ("", True),
        ]
        for pattern, matches in table:
            with self.subTest(pattern=pattern):
                self.assertEqual(parse(pattern)(json.dumps(CANARY_503)), matches)

    def test_what_is_not_there_or_of_another_kind_does_not_match(self) -> None:
        for pattern in ["{ $.status = 503 }", "{ $.none = 1 }", '{ $.none != "x" }', '{ $.responseLatency = "8*" }']:
            with self.subTest(pattern=pattern):
                self.assertFalse(parse(pattern)(json.dumps(CANARY_503)))
        self.assertFalse(parse('{ $.status = "5*" }')("GET /recommendations 503"))
        self.assertFalse(parse('{ $.status = "5*" }')('["5"]'))

    def test_what_is_not_understood_is_refused(self) -> None:
        for pattern in [
            "ERROR",
            "{ $.status IS NULL }",
            "{ $.status = 5* && }",
            "{ ($.status = 500 }",
            "{ $.status = 500 ) }",
            '{ $.status > "5*" }',
            "{ $.list[0] = 1 }",
            "{}",
        ]:
            with self.subTest(pattern=pattern), self.assertRaises(PatternError):
                parse(pattern)


if __name__ == "__main__":
    unittest.main()
