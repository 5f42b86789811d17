"""Tasks: what is asked of a network, and how its answer becomes layers of a map."""

from swath.tasks.task import OutputOptions, Task, task_for

__all__ = ["OutputOptions", "Task", "task_for"]
