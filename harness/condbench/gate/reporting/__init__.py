"""Where an outcome is told: JUnit XML, Markdown, GitHub's annotations and step summary, JSON; a file for each."""
