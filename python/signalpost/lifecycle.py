"""The signals that tell of tasks.

| signal | sent | arguments beside `sender` |
|---|---|---|
| `task_enqueued` | when its row was written, in the sender's transaction | `send_id`, `signal_name`, `receiver` (its name), `queue`, `using` |
| `task_started` | when a run begins | `task`, a `CurrentTask` |
| `task_finished` | when what became of the run has been recorded | `task`, and `outcome`, of `signalpost.outcome` |

A task that is tried again starts and finishes again. The sender is what the task runs: the function as it was declared,
the task, or the background signal; None where that is not known here. They are sent as by `send_robust`: a receiver
that fails is logged and changes nothing. Their receivers are inline; a background receiver of them would be told of its
own tasks, and is refused.
"""

from __future__ import annotations

from django.dispatch import Signal

__all__ = ["task_enqueued", "task_finished", "task_started"]

task_enqueued = Signal()
task_started = Signal()
task_finished = Signal()

#: For whoever must not let them be listened to in the background.
ABOUT_TASKS = (task_enqueued, task_started, task_finished)
