"""The nouns of the API, a file each: every endpoint once, for both clients."""
