"""Who made a run: a signature of its manifest, in OpenSSH's format, so that `ssh-keygen -Y verify` checks it too."""
