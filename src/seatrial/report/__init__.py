"""Reports: values in, strings out. `prepare` makes a trial safe to print; `terminal`, `json_report` and `html` print it."""
