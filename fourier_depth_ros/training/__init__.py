"""Training the network in the paper's two stages, from samples made on the fly."""
