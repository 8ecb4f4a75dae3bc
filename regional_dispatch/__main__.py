"""`python -m regional_dispatch`, and the installed command `regional-dispatch`."""

from regional_dispatch.commands.cli import main

if __name__ == "__main__":
    main()
