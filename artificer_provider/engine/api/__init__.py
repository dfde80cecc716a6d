"""The engine's REST paths, a file per resource, and the document that describes them."""
