"""The keys that compose knows, from the Compose Specification's schema. Data alone."""

from __future__ import annotations


def _keys(text: str) -> frozenset[str]:
    return frozenset(text.split())


PROJECT = _keys("configs include models name networks secrets services version volumes")

SERVICE = _keys(
    """
    annotations attach blkio_config build cap_add cap_drop cgroup cgroup_parent command configs container_name cpu_count
    cpu_percent cpu_period cpu_quota cpu_rt_period cpu_rt_runtime cpu_shares cpus cpuset credential_spec depends_on
    deploy develop device_cgroup_rules devices dns dns_opt dns_search domainname entrypoint env_file environment expose
    extends external_links extra_hosts gpus group_add healthcheck hostname image init ipc isolation label_file labels
    links logging mac_address mem_limit mem_reservation mem_swappiness memswap_limit models network_mode networks
    oom_kill_disable oom_score_adj pid pids_limit platform ports post_start pre_start pre_stop privileged profiles
    provider pull_policy pull_refresh_after read_only restart runtime scale secrets security_opt shm_size stdin_open
    stop_grace_period stop_signal storage_opt sysctls tmpfs tty ulimits use_api_socket user userns_mode uts volumes
    volumes_from working_dir
    """
)

BUILD = _keys(
    """
    additional_contexts args cache_from cache_to context dockerfile dockerfile_inline entitlements extra_hosts isolation
    labels network no_cache no_cache_filter platforms privileged provenance pull sbom secrets shm_size ssh tags target
    ulimits
    """
)

HEALTHCHECK = _keys("disable interval retries start_interval start_period test timeout")

DEPLOY = _keys("endpoint_mode labels mode placement replicas resources restart_policy rollback_config update_config")
RESOURCES = _keys("limits reservations")
RESOURCE_LIMITS = _keys("cpus memory pids")
RESERVATIONS = _keys("cpus devices generic_resources memory")
RESTART_POLICY = _keys("condition delay max_attempts window")

LOGGING = _keys("driver options")
DEPENDENCY = _keys("condition required restart")
PORT = _keys("app_protocol host_ip mode name protocol published target")
VOLUME = _keys("bind consistency image read_only source target tmpfs type volume")
BIND = _keys("create_host_path propagation recursive selinux")
VOLUME_OPTIONS = _keys("labels nocopy subpath")
TMPFS = _keys("mode size")
GRANT = _keys("gid mode source target uid")
ULIMIT = _keys("hard soft")
ENV_FILE = _keys("format path required")
HOOK = _keys("command environment image per_replica privileged user working_dir")
DEVELOP = _keys("watch")
WATCH = _keys("action exec ignore include initial_sync path target")

RESOURCES_OF_PROJECT = {
    "networks": _keys("attachable driver driver_opts enable_ipv4 enable_ipv6 external internal ipam labels name"),
    "volumes": _keys("driver driver_opts external labels name"),
    "secrets": _keys("driver driver_opts environment external file labels name template_driver"),
    "configs": _keys("content environment external file labels name template_driver"),
}
