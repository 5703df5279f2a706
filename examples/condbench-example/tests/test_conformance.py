"""All that condbench expects of a plugin, checked: `condbench plugin test condbench-example` does the same."""

from condbench.testing import conformance

test_conformance = conformance("condbench-example")
