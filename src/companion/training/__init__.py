"""Training: queue, loop, jobs, state, evaluation, gate cache, workspace, machine, and the backends."""
