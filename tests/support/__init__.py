"""What the program tests stand on: servers, certificates, accounts, worlds."""
