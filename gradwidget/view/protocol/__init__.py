"""The messages between Python and the page, and how frames become messages."""
