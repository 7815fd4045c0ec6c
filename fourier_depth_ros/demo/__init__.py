"""What `make demo` shows: photographs through the node, a listener, a contact sheet."""
