"""Released recurrent modules, and what the classes make of them."""
