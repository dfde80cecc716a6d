"""What goes over the wire, a file per resource."""
