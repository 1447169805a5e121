"""Operating the model: registry, gate, log of predictions, labels, monitor, replay."""
