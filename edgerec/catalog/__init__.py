"""Items: ids and rows, attributes, vectors, filters, and the changes that arrive while serving."""
