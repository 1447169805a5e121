"""The machinery: it is called by the modules beside it and imports none of them."""
