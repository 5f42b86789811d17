"""Tasks: what is asked of a network, how its answer becomes layers of a map, and how it is held against labels."""

from swath.tasks.task import DatePair, OutputOptions, Task, TrainedTask, task_for, trained_task

__all__ = ["DatePair", "OutputOptions", "Task", "TrainedTask", "task_for", "trained_task"]
