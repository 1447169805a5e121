"""What is measured of the answers: scores, threshold, slices, failures, our own claims."""
