"""`python -m captum_rnn` is the command `captum-rnn`."""

import sys

from captum_rnn.cli import main

if __name__ == "__main__":
    sys.exit(main())
