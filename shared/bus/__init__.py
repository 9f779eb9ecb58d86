"""The only package that speaks to NATS: typed messages, frame logs, work queue, leases, failpoints."""

from shared.bus import failpoints
from shared.bus.bus import Bus
from shared.bus.core import Meta, Subscription, hopped
from shared.bus.discovery import ServiceInfo, discover
from shared.bus.frames import FrameLog, FrameRecord
from shared.bus.jetstream import Stored
from shared.bus.kv import LeaseChange, LeaseInfo
from shared.bus.lacking import lacking
from shared.bus.lease import Lease
from shared.bus.queue import Job, QueueDepth
from shared.bus.topology import init_topology
from shared.bus.vacancy import Vacancy

__all__ = [
    "Bus",
    "FrameLog",
    "FrameRecord",
    "Job",
    "Lease",
    "LeaseChange",
    "LeaseInfo",
    "Meta",
    "QueueDepth",
    "ServiceInfo",
    "Stored",
    "Subscription",
    "Vacancy",
    "discover",
    "failpoints",
    "hopped",
    "init_topology",
    "lacking",
]
