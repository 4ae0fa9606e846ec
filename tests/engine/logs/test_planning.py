"""What the logging part of a service means: bounded files by default, drivers, options as strict as Docker's, tags."""

from __future__ import annotations

import pytest

from seatrial.engine.logs.interface import Subject
from seatrial.engine.logs.planning import LogPlan, plan_logging
from seatrial.engine.logs.tags import extra_attributes, go_json, make_tag
from seatrial.model.errors import InputError
from seatrial.model.place import Place, Sourced
from seatrial.model.service import Logging


def plan(subject: Subject, driver: str = "", **options: str) -> LogPlan:
    said = {name.replace("_", "-"): value for name, value in options.items()}
    return plan_logging(Logging(driver, said), subject)


def test_log_is_bounded_and_packed_where_nothing_is_said(subject: Subject) -> None:
    assert plan_logging(None, subject) == LogPlan(10_000_000, 5, compress=True)
    assert plan(subject, "json-file") == LogPlan(10_000_000, 5, compress=True)
    assert plan(subject, "local").max_size == 20_000_000


def test_options_of_json_file_are_dockers(subject: Subject) -> None:
    made = plan(
        subject,
        "json-file",
        max_size="1.5k",
        max_file="2",
        compress="false",
        labels="app,nothing",
        env="ZONE",
        tag="{{.Name}}<>",
    )
    assert (made.max_size, made.max_file, made.compress) == (1500, 2, False)
    assert made.attributes == r'{"ZONE":"eu","app":"shop","tag":"shop-web-1\u003c\u003e"}'
    assert made.driver == ""


def test_one_file_alone_is_not_packed(subject: Subject) -> None:
    assert plan(subject, "json-file", max_file="1").compress is False
    with pytest.raises(InputError, match="compress"):
        plan(subject, "json-file", max_file="1", compress="true")


def test_none_keeps_nothing_and_can_not_be_shown(subject: Subject) -> None:
    made = plan(subject, "none")
    assert not made.is_kept
    assert not made.is_readable


def test_driver_that_is_elsewhere_keeps_a_bounded_copy(subject: Subject) -> None:
    made = plan(subject, "syslog", syslog_address="udp://127.0.0.1:514")
    assert (made.driver, made.max_size, made.max_file, made.compress, made.is_readable) == (
        "syslog",
        20_000_000,
        5,
        True,
        True,
    )
    made = plan(
        subject, "journald", cache_max_size="5m", cache_max_file="3", cache_compress="false", cache_disabled="true"
    )
    assert (made.max_size, made.max_file, made.compress, made.is_readable) == (5_000_000, 3, False, False)


def test_mode_non_blocking_has_a_buffer(subject: Subject) -> None:
    assert plan(subject, "journald").buffer == 0
    assert plan(subject, "journald", mode="non-blocking").buffer == 1024 * 1024
    assert plan(subject, "journald", mode="non-blocking", max_buffer_size="4m").buffer == 4 * 1024 * 1024


REFUSED = [
    ("nonsense", {}, "no log driver 'nonsense'"),
    ("json-file", {"max-sise": "1m"}, "unknown log option 'max-sise' for the driver json-file"),
    ("json-file", {"max-size": "0"}, "max-size"),
    ("json-file", {"max-size": "large"}, "max-size"),
    ("json-file", {"max-file": "0"}, "max-file"),
    ("json-file", {"compress": "yes"}, "compress"),
    ("json-file", {"tag": "{{.Nothing}}"}, "tag"),
    ("json-file", {"tag": "{{.Name"}, "tag"),
    ("json-file", {"labels-regex": "("}, "labels-regex"),
    ("journald", {"mode": "never"}, "mode"),
    ("journald", {"max-buffer-size": "1m"}, "max-buffer-size"),
    ("journald", {"mode": "non-blocking", "max-buffer-size": "x"}, "max-buffer-size"),
    ("journald", {"cache-disabled": "x"}, "cache-disabled"),
    ("journald", {"max-size": "1m"}, "max-size"),
    ("syslog", {"syslog-address": "http://x:1"}, "syslog-address"),
    ("syslog", {"syslog-address": "udp://"}, "syslog-address"),
    ("syslog", {"syslog-address": "tcp://host:port"}, "syslog-address"),
    ("syslog", {"syslog-facility": "local8"}, "syslog-facility"),
    ("syslog", {"syslog-facility": "24"}, "syslog-facility"),
    ("syslog", {"syslog-format": "rfc1"}, "syslog-format"),
    ("syslog", {"syslog-tls-cert": "x"}, "syslog-tls-key"),
    ("fluentd", {"fluentd-address": "udp://x:1"}, "fluentd-address"),
    ("fluentd", {"fluentd-address": "x:1/path"}, "fluentd-address"),
    ("fluentd", {"fluentd-request-ack": "perhaps"}, "fluentd-request-ack"),
    ("fluentd", {"fluentd-max-retries": "-1"}, "fluentd-max-retries"),
    ("fluentd", {"fluentd-retry-wait": "5"}, "fluentd-retry-wait"),
    ("fluentd", {"fluentd-write-timeout": "-1s"}, "fluentd-write-timeout"),
    ("fluentd", {"fluentd-async-reconnect-interval": "1h"}, "fluentd-async-reconnect-interval"),
    ("gelf", {}, "gelf-address"),
    ("gelf", {"gelf-address": "udp://host"}, "gelf-address"),
    ("gelf", {"gelf-address": "tcp://host:1", "gelf-compression-type": "gzip"}, "gelf-compression-type"),
    ("gelf", {"gelf-address": "udp://host:1", "gelf-tcp-max-reconnect": "1"}, "gelf-tcp-max-reconnect"),
    ("gelf", {"gelf-address": "udp://host:1", "gelf-compression-level": "10"}, "gelf-compression-level"),
    ("splunk", {"splunk-token": "t"}, "splunk-url"),
    ("splunk", {"splunk-url": "http://x:1"}, "splunk-token"),
    ("splunk", {"splunk-url": "http://x:1/path", "splunk-token": "t"}, "splunk-url"),
    ("splunk", {"splunk-url": "http://x:1", "splunk-token": "t", "splunk-format": "xml"}, "splunk-format"),
    ("awslogs", {}, "awslogs-group"),
    ("awslogs", {"awslogs-group": "g", "labels": "x"}, "labels"),
    ("awslogs", {"awslogs-group": "g", "awslogs-create-group": "maybe"}, "awslogs-create-group"),
    ("awslogs", {"awslogs-group": "g", "awslogs-multiline-pattern": "("}, "awslogs-multiline-pattern"),
    (
        "awslogs",
        {"awslogs-group": "g", "awslogs-multiline-pattern": "x", "awslogs-datetime-format": "%Y"},
        "awslogs-multiline-pattern",
    ),
    (
        "awslogs",
        {"awslogs-group": "g", "awslogs-multiline-pattern": "x", "awslogs-format": "json/emf"},
        "awslogs-multiline-pattern",
    ),
    ("awslogs", {"awslogs-group": "g", "awslogs-force-flush-interval-seconds": "0"}, "awslogs-force-flush"),
    ("gcplogs", {"tag": "x"}, "tag"),
]


@pytest.mark.parametrize(("driver", "options", "named"), REFUSED)
def test_option_that_can_not_be_is_refused_by_its_name(
    driver: str, options: dict[str, str], named: str, subject: Subject
) -> None:
    with pytest.raises(InputError, match=named):
        plan_logging(Sourced(Logging(driver, options)), subject)


ACCEPTED = [
    (
        "syslog",
        {
            "syslog-address": "tcp+tls://logs.example.com:6514",
            "syslog-format": "rfc5424micro",
            "syslog-facility": "local7",
            "syslog-tls-ca-cert": "/ca.pem",
            "syslog-tls-skip-verify": "",
            "tag": "{{.ImageName}}/{{.Name}}/{{.ID}}",
        },
    ),
    (
        "fluentd",
        {
            "fluentd-address": "logs.example.com",
            "fluentd-async": "true",
            "fluentd-buffer-limit": "8m",
            "fluentd-retry-wait": "1s",
            "fluentd-max-retries": "10",
            "fluentd-sub-second-precision": "true",
            "env-regex": "^(A|B)",
        },
    ),
    (
        "gelf",
        {
            "gelf-address": "udp://logs.example.com:12201",
            "gelf-compression-type": "zlib",
            "gelf-compression-level": "-1",
        },
    ),
    (
        "splunk",
        {
            "splunk-url": "https://logs.example.com:8088",
            "splunk-token": "t",
            "splunk-gzip": "true",
            "splunk-insecureskipverify": "1",
        },
    ),
    (
        "awslogs",
        {
            "awslogs-group": "g",
            "awslogs-region": "eu-central-1",
            "awslogs-create-group": "true",
            "mode": "non-blocking",
        },
    ),
    ("gcplogs", {"gcp-project": "p", "gcp-log-cmd": "true", "labels": "app"}),
]


@pytest.mark.parametrize(("driver", "options"), ACCEPTED)
def test_dockers_options_are_accepted(driver: str, options: dict[str, str], subject: Subject) -> None:
    assert plan_logging(Sourced(Logging(driver, options)), subject).driver == driver


def test_tag_has_the_common_fields(subject: Subject) -> None:
    template = "{{.ID}} {{ .Name }} {{.ImageName}} {{.ImageID}} {{.Command}} {{.DaemonName}} {{.FullID}}"
    expected = f"0123456789ab shop-web-1 shop-web fedcba987654 node server.js seatrial {'0123456789abcdef' * 4}"
    assert make_tag(template, subject) == expected


@pytest.mark.parametrize("template", ["{{.Nothing}}", "{{json .}}", "{{.Name | upper}}", "{{if .Name}}x{{end}}", "{{"])
def test_other_templates_are_refused(template: str, subject: Subject) -> None:
    with pytest.raises(InputError, match="tag"):
        make_tag(template, subject)


def test_attributes_are_those_that_the_options_name(subject: Subject) -> None:
    options = {"labels-regex": "^te", "env-regex": "^P", "env": "ZONE,MISSING"}
    assert extra_attributes(options, subject) == {"team": "a & b", "PORT": "80", "ZONE": "eu"}
    assert go_json({"b": "<&>\u2028é", "a": ""}) == r'{"a":"","b":"\u003c\u0026\u003e\u2028é"}'


def test_error_has_the_place_of_the_logging_part(subject: Subject) -> None:
    place = Place("compose.yaml", 7, 3)
    with pytest.raises(InputError) as refused:
        plan_logging(Sourced(Logging("syslog", {"syslog-format": "x"}), place), subject)
    assert refused.value.place == place
