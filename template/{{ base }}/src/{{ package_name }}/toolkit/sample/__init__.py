"""The sample: documents and labelled questions on them; remove it with `data.source: sample`."""
