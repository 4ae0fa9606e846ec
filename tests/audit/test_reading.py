"""What auditors write, read into values: recorded shapes, and garbage."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.audit import grype, hadolint, npm, pip_audit, trivy
from seatrial.audit.interface import GarbledError, Tool, Vulnerability

TOOLS = {tool.name: tool for tool in (npm.TOOL, pip_audit.TOOL, trivy.TOOL, grype.TOOL, hadolint.TOOL)}

NPM = {
    "auditReportVersion": 2,
    "vulnerabilities": {
        "lodash": {
            "name": "lodash",
            "severity": "high",
            "isDirect": True,
            "via": [
                {
                    "source": 1094499,
                    "name": "lodash",
                    "dependency": "lodash",
                    "title": "Prototype Pollution in lodash",
                    "url": "https://github.com/advisories/GHSA-p6mc-m468-83gw",
                    "severity": "high",
                    "range": "<4.17.19",
                }
            ],
            "effects": ["grunt"],
            "range": "<=4.17.20",
            "nodes": ["node_modules/lodash"],
            "fixAvailable": True,
        },
        "grunt": {"name": "grunt", "severity": "high", "via": ["lodash"], "nodes": ["node_modules/grunt"]},
    },
    "metadata": {"vulnerabilities": {"high": 2, "total": 2}},
}
PIP = {
    "dependencies": [
        {
            "name": "flask",
            "version": "0.5",
            "vulns": [
                {
                    "id": "PYSEC-2019-179",
                    "fix_versions": ["1.0"],
                    "aliases": ["CVE-2019-1010083"],
                    "description": "The Pallets Project Flask before 1.0 is affected. More of it.",
                }
            ],
        },
        {"name": "ours", "skip_reason": "Dependency not found on PyPI"},
    ],
    "fixes": [],
}
TRIVY = {
    "SchemaVersion": 2,
    "Results": [
        {
            "Target": "package-lock.json",
            "Class": "lang-pkgs",
            "Type": "npm",
            "Vulnerabilities": [
                {
                    "VulnerabilityID": "CVE-2020-8203",
                    "PkgName": "lodash",
                    "InstalledVersion": "4.17.15",
                    "FixedVersion": "4.17.19, 5.0.0",
                    "Severity": "HIGH",
                    "Title": "nodejs-lodash: prototype pollution",
                }
            ],
        },
        {"Target": "yarn.lock", "Class": "lang-pkgs"},
    ],
}
GRYPE = {
    "matches": [
        {
            "vulnerability": {
                "id": "GHSA-p6mc-m468-83gw",
                "severity": "Critical",
                "description": "Prototype pollution. And more.",
                "fix": {"versions": ["4.17.19"], "state": "fixed"},
            },
            "artifact": {
                "name": "lodash",
                "version": "4.17.15",
                "type": "npm",
                "locations": [{"path": "/package-lock.json"}],
            },
        }
    ]
}
HADOLINT = [
    {
        "code": "DL3025",
        "column": 1,
        "file": "Dockerfile",
        "level": "warning",
        "line": 4,
        "message": "Use arguments JSON notation for CMD and ENTRYPOINT arguments",
    }
]


def test_npm_tells_the_advisory_where_it_belongs_and_the_first_good_version() -> None:
    assert npm.read(json.dumps(NPM)).vulnerabilities == (
        Vulnerability(
            "lodash",
            "",
            "GHSA-p6mc-m468-83gw",
            "high",
            "Prototype Pollution in lodash",
            "4.17.19",
            "node_modules/lodash",
        ),
    )


def test_pip_audit_tells_what_it_left_out() -> None:
    said = pip_audit.read(json.dumps(PIP))
    assert said.vulnerabilities == (
        Vulnerability(
            "flask",
            "0.5",
            "PYSEC-2019-179",
            "high",
            "The Pallets Project Flask before 1.0 is affected",
            "1.0",
            "requirements.txt",
        ),
    )
    assert said.trouble == "it left out ours"


def test_trivy_and_grype_tell_package_version_advisory_and_fix() -> None:
    assert trivy.read(json.dumps(TRIVY)).vulnerabilities == (
        Vulnerability(
            "lodash",
            "4.17.15",
            "CVE-2020-8203",
            "high",
            "nodejs-lodash: prototype pollution",
            "4.17.19",
            "package-lock.json",
        ),
    )
    assert grype.read(json.dumps(GRYPE)).vulnerabilities == (
        Vulnerability(
            "lodash",
            "4.17.15",
            "GHSA-p6mc-m468-83gw",
            "critical",
            "Prototype pollution",
            "4.17.19",
            "package-lock.json",
        ),
    )


def test_hadolint_tells_code_and_line() -> None:
    (remark,) = hadolint.read(json.dumps(HADOLINT)).remarks
    assert (remark.code, remark.file, remark.line) == ("DL3025", "Dockerfile", 4)


@pytest.mark.parametrize("name", TOOLS)
@pytest.mark.parametrize("text", ["", "hunter2", "[" * 5000, '"x"', "7", "\x00", '{"a":'])
def test_garbage_is_said_to_be_some(name: str, text: str) -> None:
    with pytest.raises(GarbledError) as raised:
        TOOLS[name].read(text)
    assert text[:4] not in raised.value.message or not text.strip()


def test_an_error_that_npm_tells_is_told_by_its_code_alone() -> None:
    report = {"error": {"code": "ENOLOCK", "summary": "https://user:secret@registry/", "detail": "secret"}}
    with pytest.raises(GarbledError) as raised:
        npm.read(json.dumps(report))
    assert raised.value.message == "it failed (ENOLOCK)"


KEYS = (
    "vulnerabilities via name dependencies vulns Results Vulnerabilities matches fix vulnerability artifact locations",
    "versions fix_versions nodes line code error",
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(" ".join(KEYS).split()),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(JSON, st.sampled_from(sorted(TOOLS)))
def test_no_json_whatever_raises_anything_else(value: object, name: str) -> None:
    tool: Tool = TOOLS[name]
    try:
        said = tool.read(json.dumps(value))
    except GarbledError:
        return
    assert all(each.severity in ("critical", "high", "medium", "low") for each in said.vulnerabilities)
    assert all(each.line > 0 for each in said.remarks)
