"""Where work runs: one interface, ``map`` over tasks that leave files, and one implementation, local processes."""
