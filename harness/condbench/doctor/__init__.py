"""What `condbench doctor` looks at: the plugins, and what surrounds them; a file per subject."""
