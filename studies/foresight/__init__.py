"""What knowing the orders is worth: a policy that looks ahead, told more and more of them, against the optimum."""
