"""Lets ``python -m pvdopt`` do what ``pvdopt`` does."""

from pvdopt.cli import main

if __name__ == "__main__":
    main()
