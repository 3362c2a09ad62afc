"""One file for each family of commands; ``console/command.py`` puts them together."""
