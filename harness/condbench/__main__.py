"""`python -m condbench` is `condbench`."""

from condbench.cli import main

main()
