"""The memory service: `dsb serve memory`."""
