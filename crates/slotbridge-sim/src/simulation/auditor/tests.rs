//! The auditor hears, looks and judges: each promise broken by hand is found, and an honest bridge passes.
