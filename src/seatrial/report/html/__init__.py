"""One self-contained HTML page of a trial. `page.render` makes it; it needs no network, no script and no other file."""
