"""Models of images: features and their cache, classifiers, networks, the exported model."""
