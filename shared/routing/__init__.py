"""Who answers a question: policies behind one interface, the same live, offline and in replay."""

from shared.routing.guard import DECIDE_S, Guard, Routed, fallback
from shared.routing.policy import Decision, First, Loads, Policy, Staged, StreamState, state_of
from shared.routing.registry import (
    RouteName,
    fingerprint,
    is_plain,
    is_trusted,
    label,
    names,
    policy,
    route_name,
)

__all__ = [
    "DECIDE_S",  # how long a decision may take
    "Decision",  # what a policy says
    "First",  # S1's answer, as a staged policy sees it
    "Guard",  # the one door to a policy: there always is a decision
    "Loads",  # a policy that loads something big first
    "Policy",  # the interface
    "RouteName",  # a route's name, taken apart
    "Routed",  # a decision that can be acted on
    "Staged",  # a policy that decides again after S1
    "StreamState",  # what a policy may know of the stream
    "fallback",  # what the shipped rules say instead
    "fingerprint",  # of the file that a route names
    "is_plain",  # whether the bench may decide it by itself
    "is_trusted",  # whether it is one of ours that nothing can hold up
    "label",  # its policy's name, for metrics
    "names",  # the policies there are
    "policy",  # by name
    "route_name",  # take a name apart
    "state_of",  # the state at a stream time
]
