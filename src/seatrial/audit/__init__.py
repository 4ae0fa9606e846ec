"""Other people's auditors, where they are installed: run, their output read, told under our names."""
