"""What every room may use and no room owns: errors, files, hashes, threads, untrusted text."""
