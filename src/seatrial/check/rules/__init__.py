"""One requirement a file. `seatrial.check.table` lists them; nothing else imports them by name."""
