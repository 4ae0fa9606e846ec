"""What auditors said, under our names: places, severities, nothing twice."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import seatrial.audit
from seatrial.audit.findings import of_remarks, of_vulnerabilities, once
from seatrial.audit.interface import Remark, Vulnerability
from seatrial.model.finding import Finding, Severity
from seatrial.model.place import Place

LOCK = json.dumps(
    {"name": "shop", "packages": {"": {}, "node_modules/lodash": {"version": "4.17.15"}}, "lockfileVersion": 3},
    indent=2,
)
LODASH = Vulnerability("lodash", "", "GHSA-1", "high", "Pollution", "4.17.19", "node_modules/lodash")


def test_a_hole_is_told_at_the_line_of_the_lock_file_with_the_locked_version() -> None:
    (finding,) = of_vulnerabilities("npm", [LODASH], {"package-lock.json": LOCK}, "package-lock.json")
    assert finding.requirement == "dependencies-audited"
    assert finding.severity is Severity.ERROR
    assert finding.message == "lodash 4.17.15 has a known hole, GHSA-1 (high): Pollution; fixed in 4.17.19"
    assert (finding.place.file, finding.place.line) == ("package-lock.json", 5)
    assert finding.remedy == "raise lodash to 4.17.19"


def test_what_two_auditors_know_is_told_once() -> None:
    texts = {"package-lock.json": LOCK}
    both = [*of_vulnerabilities("npm", [LODASH], texts, "package-lock.json")]
    both += of_vulnerabilities("grype", [LODASH], texts, "package-lock.json")
    assert [each.evidence for each in once(both)] == [("told by npm",)]


def test_a_hole_without_a_version_or_a_lock_file_is_told_all_the_same() -> None:
    bare = Vulnerability("x", "", "", "low")
    (finding,) = of_vulnerabilities("trivy", [bare], {}, "go.sum")
    assert str(finding.place) == "go.sum:1:1"
    assert finding.message == "x has a known hole, without a number (low); no fixed version is known"
    assert finding.severity is Severity.INFO


def test_a_remark_is_left_out_where_we_say_the_same_at_that_line() -> None:
    known = Finding("exec-form-command", Severity.WARNING, "", Place("web/Dockerfile", 4, 5))
    remarks = [
        Remark("DL3025", "a", "Dockerfile", 4),
        Remark("DL3025", "b", "Dockerfile", 9),
        Remark("DL3008", "c", "D", 1),
    ]
    found, others = of_remarks(remarks, "web/", [known])
    assert [(each.requirement, str(each.place)) for each in found] == [("exec-form-command", "web/Dockerfile:9:1")]
    assert others == ["DL3008"]


def test_only_one_module_starts_anything() -> None:
    folder = Path(seatrial.audit.__file__).parent
    for path in folder.glob("*.py"):
        names = {
            alias.name
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Import)
            for alias in node.names
        }
        assert path.name == "running.py" or not names & {"subprocess", "os", "socket", "signal"}, path.name
