"""A distribution that keeps to all that is checked, with a plugin of each kind; tests plant bugs in copies of it."""
