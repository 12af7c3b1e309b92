"""Where images come from: a folder, single files, an archive, a list, an address. Each is made into files with names."""
