"""``python -m pyiron_nbed.cli`` does what ``pyiron-nbed`` does."""

from pyiron_nbed.cli import main

if __name__ == "__main__":
    main(prog_name="pyiron-nbed")
