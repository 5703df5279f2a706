"""The checks of the conformance kit; `catalogue` says which kind of plugin gets which."""
