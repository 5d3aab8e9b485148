"""One address before several websocket nodes, for development on one machine.

It passes bytes on and reads none of them, so whatever a node alone can do works through it; only polling, whose
requests come by many connections, would need the stickiness that a real balancer has (docs/scaling.md).
"""
