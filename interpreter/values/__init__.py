"""What DSL values are compared, ordered and weighed by, and the meter that pays for it."""
