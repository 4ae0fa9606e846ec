"""Facts that differ by base image: which shell `sh` is, which tools are there, which signal the program wants.

Data and lookups alone. A fact that isn't known is None, and a rule that meets None stays quiet. Sources: the official
images' own Dockerfiles (docker-library), the distributions' packages, and measurements of `sh -c` (dash never execs
its last command, bash from 5.1 and busybox do).
"""

from __future__ import annotations

from functools import cache

from seatrial.model.values import dataclass

DASH, BUSYBOX, BASH, NO_SHELL = "dash", "busybox", "bash", "none"

_DEBIAN_TAGS = ("slim", "bookworm", "bullseye", "buster", "trixie", "stretch", "jammy", "noble", "focal", "forky")
_RHEL = frozenset(
    {
        "fedora",
        "centos",
        "rockylinux",
        "almalinux",
        "oraclelinux",
        "amazonlinux",
        "amazoncorretto",
        "ubi",
        "ubi-minimal",
    }
)
# Official images built on Debian's buildpack-deps unless the tag says slim or alpine: curl and wget are in there.
_BUILDPACK = frozenset(
    {"node", "python", "ruby", "golang", "rust", "perl", "erlang", "elixir", "gcc", "buildpack-deps"}
)
# Built on debian:…-slim, with curl among their own packages and without wget.
_WITH_CURL = frozenset({"php", "nginx"})
_DEBIAN = _BUILDPACK | _WITH_CURL | {"debian", "ubuntu", "httpd", "postgres", "redis", "mariadb", "tomcat"}


@dataclass(frozen=True, slots=True)
class Reference:
    """An image's name taken apart. `repository` is without Docker Hub's own prefix: "node", "oven/bun"."""

    repository: str
    tag: str
    digest: str

    @property
    def name(self) -> str:
        """The last part of the repository."""
        return self.repository.rpartition("/")[2]

    @property
    def is_official(self) -> bool:
        """Whether it is one of Docker Hub's official images (mirrors of `library/` count)."""
        return "/" not in self.repository

    @property
    def tag_parts(self) -> frozenset[str]:
        """The parts of the tag between dashes."""
        return frozenset(self.tag.split("-"))


_PUBLISHED = """
adminer aerospike alpine alt amazoncorretto amazonlinux almalinux apache arangodb archlinux backdrop bash
bonita buildpack-deps busybox caddy cassandra centos chronograf cirros clearlinux clefos clickhouse clojure
composer consul convertigo couchbase couchdb crate dart debian docker drupal eclipse-mosquitto eclipse-temurin
eggdrop elasticsearch elixir emqx erlang express-gateway fedora flink fluentd friendica gazebo gcc geonetwork
ghost golang gradle groovy haproxy haskell haxe hello-world hitch httpd hylang ibm-semeru-runtimes ibmjava
influxdb iojs irssi jenkins jetty java jobber joomla jruby julia kaazing-gateway kapacitor kibana known kong
krakend lightstreamer liquibase logstash mageia mariadb matomo maven mediawiki memcached mongo mongo-express
monica mono mysql nats nats-streaming neo4j neurodebian nextcloud nginx node notary nuxeo odoo open-liberty
openjdk opensuse oraclelinux orientdb owncloud percona perl photon php php-zendserver phpmyadmin piwik plone
postfixadmin postgres pypy python r-base rabbitmq rakudo-star rapidoid redis redmine registry rethinkdb
rocket.chat rockylinux ros ruby rust sapmachine scratch scala sentry silverpeas sl solr sonarqube sourcemage
spark spiped storm swarm swift swipl teamspeak telegraf thrift tomcat tomee traefik ubuntu ubuntu-debootstrap
unit valkey varnish vault voidlinux websphere-liberty wordpress xwiki yourls znc zookeeper
"""
# Docker Hub's official images, those given up among them: a name without a slash that isn't here is a local one.


def is_published(repository: str) -> bool:
    """Whether an image of this name, which has no slash, can be had from Docker Hub."""
    return repository in _published()


@cache
def _published() -> frozenset[str]:
    return frozenset(_PUBLISHED.split())


@cache
def parse(image: str) -> Reference:
    """Takes `registry/name:tag@digest` apart."""
    rest, _, digest = image.partition("@")
    head, colon, tag = rest.rpartition(":")
    if not colon or "/" in tag:
        head, tag = rest, ""
    for prefix in ("docker.io/", "index.docker.io/", "public.ecr.aws/docker/", "mirror.gcr.io/", "library/"):
        head = head.removeprefix(prefix)
    return Reference(head, tag, digest)


def family(image: str) -> str | None:
    """The distribution: "debian", "alpine", "rhel", "busybox", "distroless", "scratch", or None where unknown."""
    reference = parse(image)
    repository, tag = reference.repository, reference.tag
    if repository == "scratch":
        return "scratch"
    if repository.startswith(("gcr.io/distroless/", "cgr.dev/chainguard/")):
        # Their :debug and :…-dev variants have a busybox shell somewhere: not known here.
        return None if "debug" in tag or "dev" in tag or "wolfi-base" in repository else "distroless"
    if repository == "busybox":
        return "busybox"
    if repository == "alpine" or (repository != "debian" and any(part.startswith("alpine") for part in tag.split("-"))):
        return "alpine"
    if reference.name in _RHEL or repository.startswith(("registry.access.redhat.com/ubi", "registry.redhat.io/ubi")):
        return "rhel" if "alpine" not in tag and "debian" not in tag else None
    is_debian = reference.is_official and (repository in _DEBIAN or any(part in tag for part in _DEBIAN_TAGS))
    return "debian" if is_debian and not _is_windows(tag) else None


def _is_windows(tag: str) -> bool:
    return "windows" in tag or "nanoserver" in tag


def shell_of(image: str) -> str | None:
    """What /bin/sh is: DASH, BUSYBOX, BASH, NO_SHELL, or None where unknown."""
    shells = {"debian": DASH, "alpine": BUSYBOX, "busybox": BUSYBOX, "rhel": BASH}
    found = family(image)
    return NO_SHELL if found in ("distroless", "scratch") else shells.get(found or "")


def has_tool(image: str, tool: str) -> bool | None:
    """Whether the image as published has `curl` or `wget`; None where that isn't known."""
    found = family(image)
    reference = parse(image)
    if found in ("distroless", "scratch"):
        return False
    if found == "busybox":
        return tool == "wget"
    if found == "alpine":
        return _alpine_has(reference, tool)
    if found == "debian":
        return _debian_has(reference, tool)
    return None


def _alpine_has(reference: Reference, tool: str) -> bool | None:
    if tool == "wget":
        return True
    if reference.name in _WITH_CURL:
        return None if reference.name == "nginx" else True
    known = _BUILDPACK | {"alpine", "eclipse-temurin"}
    return False if reference.is_official and reference.repository in known - {"eclipse-temurin"} else None


def _debian_has(reference: Reference, tool: str) -> bool | None:
    is_slim = "slim" in reference.tag_parts
    if reference.repository in _BUILDPACK:
        return not is_slim if reference.repository not in ("rust", "erlang", "elixir") or is_slim else None
    if reference.repository in _WITH_CURL:
        return tool == "curl"
    return False if reference.repository in ("debian", "ubuntu") else None
