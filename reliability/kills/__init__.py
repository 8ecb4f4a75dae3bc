"""Commands that are killed at random moments and started again: do they end as if nothing had happened?"""
