"""The report page, the model card, and the blocks of README."""
