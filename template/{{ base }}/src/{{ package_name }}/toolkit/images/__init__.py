"""Images as data: found, decoded, checked, grouped and described."""
