"""The conformance kit: what every plugin must keep to, checked. Importing this imports neither torch nor pytest.

An author's test file has one line::

    test_conformance = conformance("my-distribution")

and ``condbench plugin test my-distribution`` does the same from the shell. ``docs/conformance.md`` lists the checks.
"""

from condbench.testing.collecting import conformance

__all__ = ["conformance"]
