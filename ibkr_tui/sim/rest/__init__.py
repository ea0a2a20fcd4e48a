"""REST route groups under /v1/api; each module holds one group and a ``ROUTES`` list."""
