"""What stands before the routes: pure ASGI, one class a file."""
