"""The books harness: people who buy in a bad world, and a judge who compares what they paid with what they have.

`plan` draws who does what, `people` do it, `weather` and `trouble` stand in their way, `balancer` is what stands
before the replicas, `stall` is the plugin that the bots run, `accounts` reads the books, `judge` judges, `run` puts
them together. The judge knows nothing of the payments plugin but the columns of its tables.
"""

from __future__ import annotations
