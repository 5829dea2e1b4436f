"""Where work runs: independent tasks, mapped over processes of this machine."""
