"""The command line's frame, the stages through DVC, and the readiness check."""
