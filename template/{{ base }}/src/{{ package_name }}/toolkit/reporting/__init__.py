"""What a run left behind, told in Markdown sections; the documents are lists of them."""
