"""The check by re-initialisation (Adebayo et al., 2018): a map that survives the loss of the weights is not about them."""
