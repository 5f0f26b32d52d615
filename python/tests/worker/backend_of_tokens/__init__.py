"""PostgreSQL with a password that is made anew for each connection, as the tokens of clouds are."""
