"""``python -m pen_mobile`` is ``pen-mobile``."""

from pen_mobile.cli.main import main

if __name__ == "__main__":
    main()
