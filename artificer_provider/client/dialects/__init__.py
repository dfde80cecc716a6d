"""One request on each wire, and the reply back."""
