"""The command line. Importing a command's module adds it to the application."""

from qa_service.cli import ask, build, evaluate, gate, lint, mail, serve, upkeep
from qa_service.cli.common import app

__all__ = ["app", "ask", "build", "evaluate", "gate", "lint", "mail", "serve", "upkeep"]
