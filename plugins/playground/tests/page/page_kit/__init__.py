"""What the tests of the chat page share: a world full of things, and looks at the page."""
