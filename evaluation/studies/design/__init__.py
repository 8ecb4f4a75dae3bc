"""Where to cut: boundaries, how they are drawn and searched, and the study that compares them."""
