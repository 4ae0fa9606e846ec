"""What is done to an instance besides stopping it: one file a drill. They act and record, and rule nothing."""
