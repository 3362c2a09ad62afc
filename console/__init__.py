"""What people and machines call: the command line and the public HTTP side."""
