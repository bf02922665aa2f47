"""``python -m gateway`` and the ``gateway`` command."""

from gateway.cli.main import main

if __name__ == "__main__":
    main()
