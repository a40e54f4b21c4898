"""The forms of an audit, each from the same report: JSON, one HTML file, SARIF, JUnit, OCSF, Nagios."""
