"""What tests share: servers that are real, and stand-ins that say so."""
