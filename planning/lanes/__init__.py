"""Which lanes run, chosen from expected flows, and what each of them costs."""
