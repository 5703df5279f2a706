"""A third party's plugin for condbench: a metric that needs no network, and a reporter that draws a figure."""
