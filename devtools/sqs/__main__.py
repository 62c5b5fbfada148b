"""`python -m devtools.sqs --port 9324`."""

from devtools.sqs.server import main

if __name__ == "__main__":
    main()
