"""Kubernetes: a workload that runs there, restarted in its own way and watched."""

from __future__ import annotations

from seatrial.engine.kubernetes.workload import Workload

__all__ = ["Workload"]
