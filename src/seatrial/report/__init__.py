"""Reports: values in, strings out. `trial.prepare` makes it safe; `terminal`, `json_report`, `html` print it."""
