"""The command line: starts the server and drives it with a built-in client."""
