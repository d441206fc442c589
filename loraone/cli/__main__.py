"""``python -m loraone.cli``."""

from loraone.cli import main

main()
