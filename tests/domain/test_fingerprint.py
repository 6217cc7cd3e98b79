"""The same error with other numbers is the same error; another error is another."""

import pytest

from podium.domain.checks import CheckResult, Failure
from podium.domain.findings import Finding
from podium.domain.fingerprint import normalised, of_checks, of_findings, of_texts


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("<Room at 0x7f3a>", "<Room at 0xdeadbeef>"),
        ("/srv/a/b.py failed", "/home/me/b.py failed"),
        (r"C:\work\b.py failed", r"D:\other\c.py failed"),
        ("1 failed in 0.12s", "1 failed in 13 seconds"),
        ("took 5 ms", "took 1.5 s"),
        ("b.py:12: wrong", "b.py:13: wrong"),
        ("b.py:12:5: wrong", "b.py:13:40: wrong"),
        ("line 4, column 2", "line 9, column 33"),
        ("two  words\n\nhere ", "two words here"),
    ],
)
def test_what_differs_between_two_runs_is_taken_out(one: str, other: str) -> None:
    assert normalised(one) == normalised(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("assert 3 == 4", "assert 2 == 4"),
        ("KeyError: 'a'", "KeyError: 'b'"),
        ("expected 3 items", "expected 4 items"),
    ],
)
def test_values_stay_because_another_value_shows_that_something_happened(one: str, other: str) -> None:
    assert normalised(one) != normalised(other)


def result(
    check: str, exit_code: int, *failures: Failure, output: str = "", timed_out: bool = False
) -> CheckResult:
    return CheckResult(check, ("x",), exit_code, 0.1, output, "h", failures, timed_out)


def test_green_checks_have_no_fingerprint() -> None:
    assert of_checks([]) == of_checks([result("a", 0, output="warning")]) == ""
    assert of_findings([]) == of_texts([]) == ""


def test_the_order_of_failures_and_green_checks_beside_them_do_not_matter() -> None:
    one, two = Failure("x", test="t1"), Failure("y", test="t2")
    assert of_checks([result("a", 1, one, two)]) == of_checks([result("b", 0), result("a", 1, two, one)])


def test_a_check_that_names_no_failure_is_told_by_its_output() -> None:
    assert of_checks([result("a", 1, output="x at line 3")]) == of_checks(
        [result("a", 1, output="x at line 9")]
    )
    assert of_checks([result("a", 1, output="x")]) != of_checks([result("a", 1, output="y")])


def test_running_out_of_time_is_another_error_than_failing() -> None:
    failure = Failure("x", test="t1")
    assert of_checks([result("a", 1, failure)]) != of_checks([result("a", 124, failure, timed_out=True)])


def test_a_finding_in_other_words_at_the_same_code_is_the_same() -> None:
    def finding(message: str, quote: str = "x = 1", line: int = 3) -> Finding:
        return Finding("f", "a.py", line, quote, "error", "style", message)

    assert of_findings([finding("This is bad.")]) == of_findings([finding("Bad!", line=9)])
    assert of_findings([finding("This is bad.")]) != of_findings([finding("This is bad.", quote="y = 1")])
