"""What a scenario says, and the arrays made from it.

`scenario` (the models of a file) → `sites`, `lanes`, `routes`, `capacity`, joined by `network` → `demand`, `stock`,
`events` → `world`, which the kernel reads. `partition` gives regions, `generator` draws random scenarios.
"""
