"""The static site: the reports as pages, and the model in the browser of whoever reads them."""
