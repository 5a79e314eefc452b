"""A seeded B2B SaaS customer base: demo and load material, never evidence of model quality."""
