"""What the tests with bots of other frameworks share."""
