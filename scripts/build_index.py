"""Build and publish an index from the official FAQ: the offline half of the service (`qa build` does the same)."""

import sys

from qa_service.cli import app

if __name__ == "__main__":
    app(["build", *sys.argv[1:]])
