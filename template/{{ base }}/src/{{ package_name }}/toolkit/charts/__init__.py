"""The figures of the report; each title states the finding."""
