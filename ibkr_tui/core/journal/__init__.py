"""The journal: what this core meant to do and what became of it, in one SQLite file that only the core writes."""
