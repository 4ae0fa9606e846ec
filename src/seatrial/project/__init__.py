"""Many services together: dependency order, up and down, the state directory, the control socket."""
