"""Who answers a question: policies behind one interface, the same live, offline and in replay."""

from shared.routing.policy import Decision, Policy, StreamState, names, policy

__all__ = ["Decision", "Policy", "StreamState", "names", "policy"]
