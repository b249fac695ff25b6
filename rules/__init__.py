"""What marketers edit: scoring rules, segments, purposes and the tracking plan, as YAML. Holds no code."""
