"""A trace replayed under policies, beside what was really done. A trace is one sample: intervals are over its weeks."""
