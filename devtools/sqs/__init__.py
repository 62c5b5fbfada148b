"""A stand-in for Amazon SQS FIFO queues on this machine; `server` says what it offers, and why it exists."""

from devtools.sqs.server import DEFAULT_PORT, SqsStandIn

__all__ = ["DEFAULT_PORT", "SqsStandIn"]
