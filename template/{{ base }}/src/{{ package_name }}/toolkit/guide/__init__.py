"""A guided start with data of your own."""
