"""The bytes of an untrusted picture -> upright 8-bit sRGB pixels: a module for each family of formats."""
